"""What the service puts right in Ray Serve's HAProxy before it starts."""

import http.server
import json
import re
import socketserver
import subprocess
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Semaphore, Thread

import httpx
import pytest

from deployments.http.error_responses import openai_error
from deployments.http.schemas.errors import ErrorResponse
from deployments.launcher import haproxy
from deployments.launcher.haproxy_wrapper import (
    ConfigMismatch,
    edited,
    edits,
    write_error_files,
)
from deployments.launcher.ports import free_port, is_taken
from sidecar.core.errors import Overloaded

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, as it is imported
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
    from ray.serve.config import HTTPOptions


def rendered(folder: Path, *, port: int = 8000, replica: int | None = None) -> str:
    """The configuration that Ray itself renders, with one replica of the ingress or none."""
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


def rewritten(folder: Path, **options: int) -> str:
    """The same as HAProxy gets to see it."""
    return edited(rendered(folder, **options), edits(folder, 9, 8))


@pytest.mark.parametrize("replica", [None, 9000], ids=["no replica", "a replica"])
def test_every_edit_finds_its_place_in_what_ray_renders(
    tmp_path: Path, replica: int | None
) -> None:
    config = rewritten(tmp_path, replica=replica)
    assert ("maxconn 9" in config) == (replica is not None)


@pytest.mark.parametrize("line", ["option splice-request", "mode 666", "bind :", "status 404"])
def test_another_configuration_is_refused_with_the_edits_name(tmp_path: Path, line: str) -> None:
    known = rendered(tmp_path)
    assert line in known
    for other in (known.replace(line, "other"), known + known):
        with pytest.raises(ConfigMismatch, match=r"the edit '.+' matches in [02] places instead"):
            edited(other, edits(tmp_path, 9, 8))


def test_only_the_api_listens_to_the_network(tmp_path: Path) -> None:
    lines = [line.split() for line in rewritten(tmp_path).splitlines()]
    binds = [words[1] for words in lines if words and words[0] == "bind"]
    assert [bind for bind in binds if not bind.startswith("unix@")] == ["127.0.0.1:8000"]
    assert len(binds) == len(set(binds)) == 3


def test_its_admin_is_its_own_user_and_no_syslog_hears_of_requests(tmp_path: Path) -> None:
    config = rewritten(tmp_path)
    assert "admin.sock mode 600" in config
    assert "local0 info" not in config


def test_only_a_get_is_asked_again(tmp_path: Path) -> None:
    [_, frontend] = rewritten(tmp_path).split("frontend http_frontend\n")
    assert frontend.startswith("    http-request disable-l7-retry unless METH_GET\n    bind ")


def test_without_a_replica_callers_hear_of_it_as_of_every_error(tmp_path: Path) -> None:
    write_error_files(tmp_path)
    head, _, body = (tmp_path / "500.http").read_bytes().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert {"Retry-After: 1", f"Content-Length: {len(body)}"} <= set(lines)
    error = json.loads(body)
    assert (error["status"], error["code"], error["retryable"]) == ("error", "overloaded", True)
    assert ErrorResponse.model_validate_json(body, strict=True).model_dump(mode="json") == error


@contextmanager
def proxied(replica: int | None = None) -> Iterator[httpx.Client]:
    """A client of the HAProxy that the service's wrapper becomes, once it listens."""
    # Not pytest's folder: the path of a socket must be short.
    with TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        rendered(folder, port=port, replica=replica)
        given = haproxy.environment(folder, max_requests_per_replica=9)
        with subprocess.Popen(
            [given["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", folder / "haproxy.cfg", "-dR"],
            env={"PATH": "/bin:/usr/bin", **given},
            stderr=subprocess.PIPE,
            text=True,
        ) as proxy:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                while not is_taken("127.0.0.1", port):
                    assert proxy.poll() is None, proxy.communicate()[1]
                    time.sleep(0.01)
                yield client
            proxy.terminate()


def test_a_configuration_that_it_does_not_know_ends_it_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text("global\n")
    given = haproxy.environment(tmp_path, max_requests_per_replica=9)
    run = subprocess.run(
        [given["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", tmp_path / "haproxy.cfg"],
        env={"PATH": "/bin:/usr/bin", **given},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "'metrics on a socket' matches in 0 places instead of 1" in run.stderr


def test_while_serve_knows_no_application_nothing_is_said_to_be_missing() -> None:
    with proxied() as client:
        answer = client.post("/api/v1/jobs", json={}, headers={"X-Request-ID": '"my"\\1'})
        chat = client.post("/v1/chat/completions", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    error = ErrorResponse.model_validate(answer.json())
    assert (error.code, error.request_id) == ("overloaded", '"my"\\1')
    assert answer.headers["x-request-id"] == error.request_id
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert chat.json() == openai_error(Overloaded(chat.json()["error"]["message"]))


def test_what_finds_no_place_is_refused_but_for_questions_about_health() -> None:
    go, held = Event(), Semaphore(0)

    class Replica(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                held.release()
                go.wait(30)
            self.send_response(200 if self.path == "/-/healthz" else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replica) as server,
        ThreadPoolExecutor(2) as callers,
    ):
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        with proxied(server.server_port) as client:  # nine places, eight of them for health
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
    said = ErrorResponse.of(Overloaded(), refused.headers["x-request-id"])
    assert ErrorResponse.model_validate(refused.json()) == said
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
    assert haproxy.supports_host(host) is serves
