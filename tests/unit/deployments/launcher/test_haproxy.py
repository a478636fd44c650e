"""The wrapper's edits of Ray Serve's HAProxy configuration, and HAProxy running with them."""

import http.server
import json
import re
import socket
import socketserver
import subprocess
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Semaphore, Thread

import httpx
import pytest

from deployments.http.error_responses import anthropic_error, openai_error
from deployments.http.schemas.errors import ErrorResponse
from deployments.launcher import haproxy
from deployments.launcher.haproxy_wrapper import (
    ConfigMismatch,
    apply_edits,
    required_edits,
    write_error_files,
)
from deployments.launcher.ports import free_port, is_taken
from sidecar.core.errors import BadRequest, Overloaded, RequestTimeout

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised when Ray is imported
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
    from ray.serve.config import HTTPOptions


def render(folder: Path, *, port: int = 8000, replica: int | None = None) -> str:
    """Return the configuration that Ray renders with one ingress replica or none."""
    servers = [ServerConfig(name="replica", host="127.0.0.1", port=replica)] if replica else []
    backend = BackendConfig(
        name="http-sidecar", path_prefix="/", app_name="sidecar", servers=servers
    )
    api = HAProxyApi(
        HAProxyConfig(
            socket_path=str(folder / "admin.sock"),
            server_state_base=str(folder),
            server_state_file=str(folder / "server-state"),
            metrics_enabled=False,
            has_received_routes=True,
            has_received_servers=True,
            http_options=HTTPOptions(host="127.0.0.1", port=port),
        ),
        {"sidecar": backend} if replica else {},
        str(folder / "haproxy.cfg"),
    )
    api._generate_config_file_internal()
    return (folder / "haproxy.cfg").read_text()


def render_edited(folder: Path, **options: int) -> str:
    """Return the configuration that HAProxy receives."""
    return apply_edits(render(folder, **options), required_edits(folder, 9, 8))


@pytest.mark.parametrize("replica", [None, 9000], ids=["no replica", "a replica"])
def test_every_edit_matches_the_configuration_that_ray_renders(
    tmp_path: Path, replica: int | None
) -> None:
    config = render_edited(tmp_path, replica=replica)
    assert ("maxconn 9" in config) == (replica is not None)


@pytest.mark.parametrize("line", ["option splice-request", "mode 666", "bind :", "status 404"])
def test_a_different_configuration_is_refused_with_the_edits_name(
    tmp_path: Path, line: str
) -> None:
    config = render(tmp_path)
    assert line in config
    for other in (config.replace(line, "other"), config + config):
        with pytest.raises(ConfigMismatch, match=r"the edit '.+' matches in [02] places instead"):
            apply_edits(other, required_edits(tmp_path, 9, 8))


def test_only_the_api_listens_to_the_network(tmp_path: Path) -> None:
    lines = [line.split() for line in render_edited(tmp_path).splitlines()]
    binds = [words[1] for words in lines if words and words[0] == "bind"]
    assert [bind for bind in binds if not bind.startswith("unix@")] == ["127.0.0.1:8000"]
    assert len(binds) == len(set(binds)) == 3


def test_the_admin_socket_is_private_and_requests_are_not_logged(tmp_path: Path) -> None:
    config = render_edited(tmp_path)
    assert "admin.sock mode 600" in config
    assert "local0 info" not in config


def test_only_a_get_is_retried(tmp_path: Path) -> None:
    [_, frontend] = render_edited(tmp_path).split("frontend http_frontend\n")
    assert frontend.startswith("    http-request disable-l7-retry unless METH_GET\n    bind ")


def test_the_error_file_has_the_apis_error_shape(tmp_path: Path) -> None:
    write_error_files(tmp_path)
    head, _, body = (tmp_path / "500.http").read_bytes().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert {"Retry-After: 1", f"Content-Length: {len(body)}"} <= set(lines)
    error = json.loads(body)
    assert (error["status"], error["code"], error["retryable"]) == ("error", "overloaded", True)
    assert ErrorResponse.model_validate_json(body, strict=True).model_dump(mode="json") == error


@contextmanager
def run_haproxy(replica: int | None = None) -> Iterator[httpx.Client]:
    """Start HAProxy through the wrapper, and yield a client once it listens."""
    # Not pytest's folder, because a socket's path must be short.
    with TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        render(folder, port=port, replica=replica)
        environment = haproxy.environment(folder, max_requests_per_replica=9)
        with subprocess.Popen(
            [
                environment["RAY_SERVE_HAPROXY_BINARY_PATH"],
                "-db",
                "-f",
                folder / "haproxy.cfg",
                "-dR",
            ],
            env={"PATH": "/bin:/usr/bin", **environment},
            stderr=subprocess.PIPE,
            text=True,
        ) as proxy:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                while not is_taken("127.0.0.1", port):
                    assert proxy.poll() is None, proxy.communicate()[1]
                    time.sleep(0.01)
                yield client
            proxy.terminate()


def test_an_unknown_configuration_ends_the_wrapper_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text("global\n")
    environment = haproxy.environment(tmp_path, max_requests_per_replica=9)
    run = subprocess.run(
        [environment["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", tmp_path / "haproxy.cfg"],
        env={"PATH": "/bin:/usr/bin", **environment},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "'metrics on a socket' matches in 0 places instead of 1" in run.stderr


def test_without_an_application_requests_get_a_503_not_a_404() -> None:
    with run_haproxy() as client:
        response = client.post("/api/v1/jobs", json={}, headers={"X-Request-ID": '"my"\\1'})
        chat = client.post("/v1/chat/completions", json={})
        messages = client.post("/v1/messages", json={}, headers={"X-Request-ID": "m"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    error = ErrorResponse.model_validate(response.json())
    assert (error.code, error.request_id) == ("overloaded", '"my"\\1')
    assert response.headers["x-request-id"] == error.request_id
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert chat.json() == openai_error(Overloaded(chat.json()["error"]["message"]))
    assert messages.status_code == 503
    assert messages.json() == anthropic_error(Overloaded(error.error), "m")


def test_requests_over_the_limit_are_refused_except_health_checks() -> None:
    proceed, started = Event(), Semaphore(0)

    class Replica(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                started.release()
                proceed.wait(30)
            self.send_response(200 if self.path == "/-/healthz" else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replica) as server,
        ThreadPoolExecutor(2) as callers,
    ):
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        with run_haproxy(server.server_port) as client:  # nine requests, eight for health checks
            in_flight = [callers.submit(client.get, "/slow") for _ in range(2)]
            for _ in in_flight:
                assert started.acquire(timeout=30)
            refused, chat = client.get("/api/v1/jobs"), client.get("/v1/models")
            invalid_id = client.get("/api/v1/jobs", headers={"X-Request-ID": "two words"})
            healthy = client.get("/health/live")
            proceed.set()
            statuses = [future.result().status_code for future in in_flight]
            again = client.get("/api/v1/jobs")
        server.shutdown()
    assert statuses == [204, 204]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    ids = {response.headers["x-request-id"] for response in (refused, invalid_id, chat)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9a-f-]{36}", request_id) for request_id in ids)
    expected = ErrorResponse.of(Overloaded(), refused.headers["x-request-id"])
    assert ErrorResponse.model_validate(refused.json()) == expected
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert chat.json() == openai_error(Overloaded())
    assert (healthy.status_code, again.status_code) == (204, 204)


def test_a_request_id_beyond_ascii_is_refused_in_the_apis_shape() -> None:
    with run_haproxy() as client:
        response = client.get("/api/v1/jobs", headers={"X-Request-ID": b"caf\xc3\xa9"})
        chat = client.get("/v1/models", headers={"X-Request-ID": b"\xe9"})
    assert response.status_code == chat.status_code == 400
    error = ErrorResponse.model_validate(response.json())
    assert (error.code, error.retryable) == ("bad_request", False)
    assert error.request_id == response.headers["x-request-id"] != ""
    assert chat.json() == openai_error(BadRequest(error.error))


def test_unfinished_requests_never_reach_a_replica_and_keep_nobody_out() -> None:
    """1 000 connections with a head and one byte of the body; nine places."""
    reached: list[str] = []

    class Replica(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reached.append(self.path)
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    head = b"POST /attack HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx"
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replica) as server,
        ExitStack() as opened,
    ):
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        with run_haproxy(server.server_port) as client:
            address = ("127.0.0.1", client.base_url.port)
            attackers = [
                opened.enter_context(
                    socket.create_connection(address, source_address=("127.0.0.2", 0))
                )
                for _ in range(1_000)
            ]
            for attacker in attackers:
                attacker.sendall(head)
            statuses = [client.post("/honest", content=b"x" * 50_000).status_code]
            attackers[0].settimeout(30)
            answer = attackers[0].recv(4_000)
        server.shutdown()
    assert statuses == [200]
    assert reached == ["/honest"]
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == RequestTimeout.code


@pytest.fixture
def admin_socket() -> Iterator[tuple[Path, list[str]]]:
    """Serve an admin socket that reports one request in flight, then none.

    Yields its folder and the commands that it received.
    """
    commands: list[str] = []
    in_flight = iter([1, 0])

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            commands.append(self.rfile.readline().decode().strip())
            if commands[-1] == "show stat":
                rows = "http_frontend,FRONTEND,3\nsidecar,replica,9\nsidecar,BACKEND"
                self.wfile.write(f"# pxname,svname,scur\n{rows},{next(in_flight)}\n\n".encode())

    # Not pytest's folder, because a socket's path must be short.
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "node" / "admin.sock"
        socket.parent.mkdir()
        with socketserver.UnixStreamServer(str(socket), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield Path(folder), commands
            server.shutdown()
            thread.join()


def test_draining_stops_new_requests_and_waits_for_those_in_flight(
    admin_socket: tuple[Path, list[str]],
) -> None:
    folder, commands = admin_socket
    haproxy.drain(folder, timeout_s=30)
    assert commands == ["shutdown frontend http_frontend", "show stat", "show stat"]


def test_draining_ends_at_the_timeout(admin_socket: tuple[Path, list[str]]) -> None:
    folder, commands = admin_socket
    haproxy.drain(folder, timeout_s=0)
    assert commands == ["shutdown frontend http_frontend", "show stat"]


def test_draining_without_haproxy_returns_at_once(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "admin.sock").touch()
    haproxy.drain(tmp_path, timeout_s=30)


@pytest.mark.parametrize(
    ("host", "supported"),
    [("127.0.0.1", True), ("0.0.0.0", True), ("::1", False), ("10.1.2.3", False)],
)
def test_only_ipv4_loopback_and_all_interfaces_are_supported(host: str, supported: bool) -> None:
    assert haproxy.supports_host(host) is supported
