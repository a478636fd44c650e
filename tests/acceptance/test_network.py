"""The service's sockets and their authentication, against the table in docs/security.md."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import grpc
import httpx
import psutil
import pytest

from tests.acceptance.service import REPOSITORY, Service, running, title

#: Sockets that Ray opens at a fixed port, so that only the first service of a machine has them.
FIRST_SERVICE_ONLY = {"ray::DashboardAgent loopback": 1}
TOKEN = "a-token-of-the-acceptance-tests"


@dataclass(frozen=True)
class Listener:
    """A listening socket of a process of the service."""

    process: str  # its name in the table
    pid: int
    port: int
    where: str  # loopback or everywhere


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that requires a token."""
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder, environment={"SIDECAR_API_TOKENS": TOKEN}) as service:
        yield service


@pytest.fixture(scope="module")
def table() -> dict[str, tuple[int, str]]:
    """The table's rows: words of a process's title, its number of sockets, and their interface."""
    page = (REPOSITORY / "docs" / "security.md").read_text().partition("### Sockets")[2]
    section = page.partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (\d) \| (.+?) \|", section, re.MULTILINE)
    assert rows
    listed = {f"{words} {where}": (int(number), where) for words, number, where in rows}
    if os.environ.get("SIDECAR_HAPROXY") == "false":  # as the page says
        del listed["haproxy loopback"], listed["ray::HAProxyManager loopback"]
        listed["ray::ServeReplica:sidecar:Ingress loopback"] = (1, "loopback")
    return listed


@pytest.fixture(scope="module")
def listeners(guarded: Service, table: dict[str, tuple[int, str]]) -> list[Listener]:
    """The service's sockets once the expected ones are open.

    Ray's own processes open some of theirs after the service is ready.
    """
    deadline = time.monotonic() + 30
    while True:
        listeners = _listening_sockets(guarded, table)
        counts = Counter((listener.process, listener.pid) for listener in listeners)
        incomplete = any(count < min_sockets(table, row) for (row, _), count in counts.items())
        missing = expected_rows(table) - {row for row, _ in counts}  # while HAProxy reloads
        if not (incomplete or missing) or time.monotonic() > deadline:  # then the test fails
            return listeners
        time.sleep(0.2)


def _listening_sockets(guarded: Service, table: dict[str, tuple[int, str]]) -> list[Listener]:
    """Return all listening sockets of the service, TCP and UDP."""
    root = psutil.Process(guarded.process.pid)
    listeners = []
    for process in [root, *root.children(recursive=True)]:
        try:
            sockets = process.net_connections("inet")
            process_title = title(process)
        except psutil.NoSuchProcess:  # it has just ended
            continue
        for socket in sockets:
            if socket.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) or not socket.laddr:
                continue
            address = ip_address(socket.laddr.ip)
            address = getattr(address, "ipv4_mapped", None) or address
            where = "loopback" if address.is_loopback else "everywhere"
            # The row of workers comes last: it matches all of Ray's processes without own rows.
            matches = (row for row in table if _matches(row, where, process_title))
            name = next(matches, process_title)
            listeners.append(Listener(name, process.pid, socket.laddr.port, where))
    return listeners


def min_sockets(table: dict[str, tuple[int, str]], row: str) -> int:
    """Return the sockets that each process of the row always has; 0 if it is not in the table."""
    return table.get(row, (0, ""))[0] - FIRST_SERVICE_ONLY.get(row, 0)


def expected_rows(table: dict[str, tuple[int, str]]) -> set[str]:
    """Return the rows that always have a process; worker processes start with jobs."""
    return {row for row in table if min_sockets(table, row) and not row.startswith("ray:: ")}


def _matches(row: str, where: str, process_title: str) -> bool:
    words, _, row_where = row.rpartition(" ")
    return words in process_title and row_where == where


def test_the_processes_sockets_are_those_of_the_table(
    listeners: list[Listener], table: dict[str, tuple[int, str]]
) -> None:
    assert {listener.process for listener in listeners} <= table.keys()
    counts = Counter((listener.process, listener.pid) for listener in listeners)
    for (process, _), count in counts.items():
        assert min_sockets(table, process) <= count <= table[process][0], process
    assert expected_rows(table) <= {listener.process for listener in listeners}


def grpc_status(port: int, method: str, token: str | None = None) -> grpc.StatusCode:
    """Call a gRPC method with an empty message; return the status."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method)
        try:
            call(b"", metadata=[("authorization", f"Bearer {token}")] if token else [], timeout=20)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def test_sockets_on_all_interfaces_require_rays_token(
    listeners: list[Listener], guarded: Service
) -> None:
    ray_token = (guarded.data_dir / "ray_auth_token").read_text()
    method = "/ray.serve.ASGIService/HandleRequest"
    ports = [listener.port for listener in listeners if listener.where == "everywhere"]
    assert ports
    for port in ports:
        for token in (None, "0" * len(ray_token)):
            assert grpc_status(port, method, token) is grpc.StatusCode.UNAUTHENTICATED
        assert grpc_status(port, method, ray_token) is not grpc.StatusCode.UNAUTHENTICATED


def test_rays_core_and_dashboard_require_rays_token(
    listeners: list[Listener], guarded: Service
) -> None:
    ray_token = (guarded.data_dir / "ray_auth_token").read_text()
    [gcs] = [listener.port for listener in listeners if "gcs_server" in listener.process]
    method = "/ray.rpc.JobInfoGcsService/GetAllJobInfo"
    assert grpc_status(gcs, method) is grpc.StatusCode.UNAUTHENTICATED
    assert grpc_status(gcs, method, ray_token) is grpc.StatusCode.OK
    # The port is 8265, or one of the next if another service of this test run uses it.
    [dashboard] = [
        listener.port
        for listener in listeners
        if "dashboard.py" in listener.process and listener.port < 9000
    ]
    applications = f"http://127.0.0.1:{dashboard}/api/serve/applications/"
    authorization = {"authorization": f"Bearer {ray_token}"}
    assert httpx.get(applications).status_code == 401
    assert httpx.get(applications, headers=authorization).status_code == 200


def test_the_api_requires_its_token(guarded: Service) -> None:
    url = f"{guarded.url}/api/v1/jobs"
    tenant = {"x-tenant-id": "t1"}
    refused = httpx.get(url, headers=tenant)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    headers = {**tenant, "authorization": f"Bearer {TOKEN}"}
    assert httpx.get(url, headers=headers).json()["total"] == 0
    assert httpx.get(f"{guarded.url}/dashboard").status_code == 401
    assert httpx.get(f"{guarded.url}/dashboard", auth=("me", TOKEN)).status_code == 200


def test_the_token_is_in_no_log_command_line_or_file(guarded: Service) -> None:
    assert TOKEN not in guarded.log.read_text(errors="replace")
    root = psutil.Process(guarded.process.pid)
    processes = [root, *root.children(recursive=True)]
    assert not [process for process in processes if TOKEN in title(process)]
    for file in guarded.data_dir.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
