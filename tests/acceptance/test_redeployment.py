"""Redeployment and stop under load: every request gets its response."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from tests.acceptance.service import Service, running
from tests.acceptance.test_receipts import assert_is_sample, submit

REPLICAS = "ray::ServeReplica:sidecar"
REDEPLOY_TIMEOUT_S = 120
LABELS = ["dairy", "produce"]
NAMES = [{"id": str(number), "name": f"milk {number}"} for number in range(400)]
MANY_NAMES = {"payload": {"items": NAMES, "candidate_labels": LABELS}}
TENANT = {"x-tenant-id": "acceptance"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


def liveness(client: httpx.Client) -> httpx.Response:
    return client.get("/health/live")


def categorize(client: httpx.Client) -> httpx.Response:
    payload = {"item_name": "whole milk", "candidate_labels": LABELS}
    return client.post("/api/v1/categorize", json={"payload": payload})


def search(client: httpx.Client) -> httpx.Response:
    documents = [{"id": "a", "text": "apple pie"}, {"id": "b", "text": "beef stew"}]
    return client.post(
        "/api/v1/search", json={"payload": {"query": "fruit", "documents": documents}}
    )


@contextmanager
def load(
    service: Service, *requests: Callable[[httpx.Client], httpx.Response]
) -> Iterator[Counter[str]]:
    """Run two closed-loop clients for each kind of request; yield the responses' counts."""
    responses: Counter[str] = Counter()
    stop = threading.Event()

    def run(request: Callable[[httpx.Client], httpx.Response]) -> None:
        with httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client:
            while not stop.is_set():
                try:
                    response = request(client)
                    result = str(response.status_code)
                    if not response.is_success:
                        result += f" {response.text}"
                except httpx.HTTPError as error:
                    result = repr(error)
                responses[f"{request.__name__}: {result}"] += 1

    with ThreadPoolExecutor() as clients:
        for request in requests:
            for _ in range(2):
                clients.submit(run, request)
        try:
            yield responses
        finally:
            stop.set()


def deploy(service: Service, config: Path) -> None:
    """Run `serve deploy` as in docs/operations.md, against this service's Ray."""
    [dashboard] = service.processes("dashboard/dashboard.py")
    sockets = dashboard.net_connections("tcp")
    ports = [socket.laddr.port for socket in sockets if socket.status == "LISTEN"]
    token = service.data_dir / "ray_auth_token"
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
    }
    [port] = [port for port in ports if is_serve_api(port, token.read_text())]
    subprocess.run(
        [
            str(Path(sys.executable).with_name("serve")),
            "deploy",
            f"--address=http://127.0.0.1:{port}",
            str(config),
        ],
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )


def is_serve_api(port: int, token: str) -> bool:
    """Return whether the dashboard serves its API at the port; the other port is for metrics."""
    response = httpx.get(
        f"http://127.0.0.1:{port}/api/serve/applications/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return response.headers["content-type"].startswith("application/json")


def test_a_redeployment_under_load_fails_no_request(
    service: Service, tmp_path: Path, sample: str
) -> None:
    file = tmp_path / "serve_config.yaml"
    config = yaml.safe_load(file.read_text())
    before = {replica.pid for replica in service.processes(REPLICAS)}
    with httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client:
        assert client.post("/api/v1/categorize-batch", json=MANY_NAMES).status_code == 200
        with load(service, liveness, categorize, search) as responses:
            job_ids = [submit(client, sample).json()["id"] for _ in range(4)]
            config["applications"][0]["args"]["max_body_bytes"] = 4_000
            file.write_text(yaml.safe_dump(config))
            deploy(service, file)
            deadline = time.monotonic() + REDEPLOY_TIMEOUT_S
            while True:
                now = {replica.pid for replica in service.processes(REPLICAS)}
                if len(now) == len(before) and not now & before:
                    break
                assert time.monotonic() < deadline, (before, now, responses)
                time.sleep(0.2)
            after = responses.total()
            while responses.total() < after + 100:
                time.sleep(0.1)
        assert set(responses) == {"liveness: 200", "categorize: 200", "search: 200"}
        assert client.post("/api/v1/categorize-batch", json=MANY_NAMES).status_code == 413
        while not all(
            (job := client.get(f"/api/v1/jobs/{job_id}").json())["status"] == "succeeded"
            for job_id in job_ids
        ):
            assert time.monotonic() < deadline, job
            time.sleep(0.2)
        assert_is_sample(job["output_payload"])


def terminate(service: Service) -> None:
    psutil.Process(service.process.pid).send_signal(signal.SIGTERM)


def press_ctrl_c(service: Service) -> None:
    """Send SIGINT to the whole process group, as a terminal does."""
    os.killpg(service.process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [terminate, press_ctrl_c])
def test_a_stop_drains_requests_in_flight_and_refuses_new_ones_as_retryable(
    service: Service, sample: str, stop: Callable[[Service], None]
) -> None:
    receipt = {"payload": {"image_base64": sample}}
    with (
        httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client,
        ThreadPoolExecutor() as executor,
    ):
        response = executor.submit(client.post, "/api/v1/extract-receipt", json=receipt)
        while not service.processes("ray::receipt_extraction"):
            time.sleep(0.05)
        stop(service)
        while accepts_requests(service):
            time.sleep(0.05)
        assert response.result().status_code == 200
    assert service.process.wait(60) == 0


def accepts_requests(service: Service) -> bool:
    """Return whether a new request succeeds; otherwise it must be refused as retryable."""
    try:
        response = httpx.get(f"{service.url}/health/live")
    except httpx.TransportError:
        return False
    if response.is_success:
        return True
    assert (response.status_code, response.json()["retryable"]) == (503, True)
    return False
