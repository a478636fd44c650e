"""What the service listens to, and who is let in: against the README's table, socket by socket."""

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

#: Sockets that Ray opens at a fixed port, and so for the first service of a machine only.
FIRST_ONLY = {"ray::DashboardAgent loopback": 1}
TOKEN = "a-token-of-the-acceptance-tests"


@dataclass(frozen=True)
class Listener:
    """A socket that a process of the service listens to."""

    process: str  # as the README's table names it
    pid: int
    port: int
    where: str  # loopback or everywhere


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for a token."""
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder, environment={"SIDECAR_API_TOKENS": TOKEN}) as service:
        yield service


@pytest.fixture(scope="module")
def table() -> dict[str, tuple[int, str]]:
    """The README's rows: words of a process's title, its sockets, and where they are."""
    text = (REPOSITORY / "README.md").read_text().partition("### The network")[2]
    rows = re.findall(r"^\| `(.+?)` \| (\d) \| (.+?) \|", text.partition("\n## ")[0], re.MULTILINE)
    assert rows
    listed = {f"{words} {where}": (int(number), where) for words, number, where in rows}
    if os.environ.get("SIDECAR_HAPROXY") == "false":  # as the README says below the table
        del listed["haproxy loopback"], listed["ray::HAProxyManager loopback"]
        listed["ray::ServeReplica:sidecar:Ingress loopback"] = (1, "loopback")
    return listed


@pytest.fixture(scope="module")
def listeners(guarded: Service, table: dict[str, tuple[int, str]]) -> list[Listener]:
    """The sockets of the service once all that the README names are there; Ray's own processes
    open some of theirs after the service is ready.
    """
    deadline = time.monotonic() + 30
    while True:
        found = _listening(guarded, table)
        numbers = Counter((one.process, one.pid) for one in found)
        late = any(number < fewest(table, row) for (row, _), number in numbers.items())
        if not late or time.monotonic() > deadline:  # then the test tells what is missing
            return found
        time.sleep(0.2)


def _listening(guarded: Service, table: dict[str, tuple[int, str]]) -> list[Listener]:
    """Every socket of the service that waits for somebody, TCP or UDP."""
    root = psutil.Process(guarded.process.pid)
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            sockets = process.net_connections("inet")
            name_of = title(process)
        except psutil.NoSuchProcess:  # it has just ended
            continue
        for socket in sockets:
            if socket.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) or not socket.laddr:
                continue
            address = ip_address(socket.laddr.ip)
            address = getattr(address, "ipv4_mapped", None) or address
            where = "loopback" if address.is_loopback else "everywhere"
            # The row of workers comes last: it is any process of Ray's without a row of its own.
            name = next((row for row in table if _fits(row, where, name_of)), name_of)
            found.append(Listener(name, process.pid, socket.laddr.port, where))
    return found


def fewest(table: dict[str, tuple[int, str]], row: str) -> int:
    """The sockets that a process of the row has in any case; 0 for what is not in the table."""
    return table.get(row, (0, ""))[0] - FIRST_ONLY.get(row, 0)


def _fits(row: str, where: str, name: str) -> bool:
    words, _, listed = row.rpartition(" ")
    return words in name and listed == where


def test_each_process_listens_where_the_readme_says_and_nowhere_else(
    listeners: list[Listener], table: dict[str, tuple[int, str]]
) -> None:
    assert {one.process for one in listeners} <= table.keys()
    numbers = Counter((one.process, one.pid) for one in listeners)
    for (process, _), number in numbers.items():
        assert fewest(table, process) <= number <= table[process][0], process
    idle = {row for row in table if row.startswith("ray:: ")}  # workers come with jobs
    sure = {row for row in table if fewest(table, row)} - idle
    assert sure <= {one.process for one in listeners}


def code_of(port: int, method: str, token: str | None = None) -> grpc.StatusCode:
    """What a bare gRPC call of the method is answered with."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method)
        try:
            call(b"", metadata=[("authorization", f"Bearer {token}")] if token else [], timeout=20)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def test_what_listens_everywhere_answers_to_rays_token_alone(
    listeners: list[Listener], guarded: Service
) -> None:
    right = (guarded.data_dir / "ray_auth_token").read_text()
    method = "/ray.serve.ASGIService/HandleRequest"
    ports = [one.port for one in listeners if one.where == "everywhere"]
    assert ports
    for port in ports:
        for token in (None, "0" * len(right)):
            assert code_of(port, method, token) is grpc.StatusCode.UNAUTHENTICATED
        assert code_of(port, method, right) is not grpc.StatusCode.UNAUTHENTICATED


def test_rays_core_and_its_dashboard_answer_to_rays_token_alone(
    listeners: list[Listener], guarded: Service
) -> None:
    right = (guarded.data_dir / "ray_auth_token").read_text()
    [gcs] = [one.port for one in listeners if "gcs_server" in one.process]
    method = "/ray.rpc.JobInfoGcsService/GetAllJobInfo"
    assert code_of(gcs, method) is grpc.StatusCode.UNAUTHENTICATED
    assert code_of(gcs, method, right) is grpc.StatusCode.OK
    # Where 8265 is taken, by another service of this run, it is a port further on.
    [dashboard] = [
        one.port for one in listeners if "dashboard.py" in one.process and one.port < 9000
    ]
    deployed = f"http://127.0.0.1:{dashboard}/api/serve/applications/"
    assert httpx.get(deployed).status_code == 401
    assert httpx.get(deployed, headers={"authorization": f"Bearer {right}"}).status_code == 200


def test_the_api_answers_to_its_token_alone(guarded: Service) -> None:
    url = f"{guarded.url}/api/v1/jobs"
    tenant = {"x-tenant-id": "t1"}
    refused = httpx.get(url, headers=tenant)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    headers = {**tenant, "authorization": f"Bearer {TOKEN}"}
    assert httpx.get(url, headers=headers).json()["total"] == 0
    assert httpx.get(f"{guarded.url}/dashboard").status_code == 401
    assert httpx.get(f"{guarded.url}/dashboard", auth=("me", TOKEN)).status_code == 200


def test_the_token_is_in_no_log_and_no_command_line(guarded: Service) -> None:
    assert TOKEN not in guarded.log.read_text(errors="replace")
    root = psutil.Process(guarded.process.pid)
    assert not [one for one in [root, *root.children(recursive=True)] if TOKEN in title(one)]
    for file in guarded.data_dir.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
