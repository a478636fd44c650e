"""A new configuration goes live under load, and nobody who asked is left without an answer."""

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
from tests.acceptance.test_receipts import is_the_sample, submit

REPLICAS = "ray::ServeReplica:sidecar"
REDEPLOYED_WITHIN_S = 120
LABELS = ["dairy", "produce"]
NAMES = [{"id": str(number), "name": f"milk {number}"} for number in range(400)]
MANY_NAMES = {"payload": {"items": NAMES, "candidate_labels": LABELS}}
TENANT = {"x-tenant-id": "acceptance"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


def ask(client: httpx.Client) -> httpx.Response:
    return client.get("/health/live")


def categorize(client: httpx.Client) -> httpx.Response:
    payload = {"item_name": "whole milk", "candidate_labels": LABELS}
    return client.post("/api/v1/categorize", json={"payload": payload})


def find(client: httpx.Client) -> httpx.Response:
    documents = [{"id": "a", "text": "apple pie"}, {"id": "b", "text": "beef stew"}]
    return client.post(
        "/api/v1/search", json={"payload": {"query": "fruit", "documents": documents}}
    )


@contextmanager
def load(
    service: Service, *requests: Callable[[httpx.Client], httpx.Response]
) -> Iterator[Counter[str]]:
    """Two clients for each kind of request, one request after the other; what was answered."""
    answers: Counter[str] = Counter()
    stop = threading.Event()

    def run(request: Callable[[httpx.Client], httpx.Response]) -> None:
        with httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client:
            while not stop.is_set():
                try:
                    answer = request(client)
                    said = str(answer.status_code)
                    if not answer.is_success:
                        said += f" {answer.text}"
                except httpx.HTTPError as error:
                    said = repr(error)
                answers[f"{request.__name__}: {said}"] += 1

    with ThreadPoolExecutor() as crowd:
        for request in requests:
            for _ in range(2):
                crowd.submit(run, request)
        try:
            yield answers
        finally:
            stop.set()


def deploy(service: Service, config: Path) -> None:
    """What the operator runs (docs/operations.md), at the port that this service's Ray has."""
    [dashboard] = service.processes("dashboard/dashboard.py")
    ports = [c.laddr.port for c in dashboard.net_connections("tcp") if c.status == "LISTEN"]
    token = service.data_dir / "ray_auth_token"
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
    }
    [port] = [port for port in ports if speaks_serve(port, token.read_text())]
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


def speaks_serve(port: int, token: str) -> bool:
    """Whether it is the dashboard's port for Serve; its other one is for metrics."""
    answer = httpx.get(
        f"http://127.0.0.1:{port}/api/serve/applications/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return answer.headers["content-type"].startswith("application/json")


def test_a_new_configuration_is_deployed_under_load_and_no_request_fails(
    service: Service, tmp_path: Path, sample: str
) -> None:
    file = tmp_path / "serve_config.yaml"
    config = yaml.safe_load(file.read_text())
    before = {replica.pid for replica in service.processes(REPLICAS)}
    with httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client:
        assert client.post("/api/v1/categorize-batch", json=MANY_NAMES).status_code == 200
        with load(service, ask, categorize, find) as answers:
            job_ids = [submit(client, sample).json()["id"] for _ in range(4)]
            config["applications"][0]["args"]["max_body_bytes"] = 4_000
            file.write_text(yaml.safe_dump(config))
            deploy(service, file)
            deadline = time.monotonic() + REDEPLOYED_WITHIN_S
            while True:
                now = {replica.pid for replica in service.processes(REPLICAS)}
                if len(now) == len(before) and not now & before:
                    break
                assert time.monotonic() < deadline, (before, now, answers)
                time.sleep(0.2)
            after = answers.total()
            while answers.total() < after + 100:
                time.sleep(0.1)
        assert set(answers) == {"ask: 200", "categorize: 200", "find: 200"}
        assert client.post("/api/v1/categorize-batch", json=MANY_NAMES).status_code == 413
        while not all(
            (job := client.get(f"/api/v1/jobs/{job_id}").json())["status"] == "succeeded"
            for job_id in job_ids
        ):
            assert time.monotonic() < deadline, job
            time.sleep(0.2)
        is_the_sample(job["output_payload"])


def terminate(service: Service) -> None:
    psutil.Process(service.process.pid).send_signal(signal.SIGTERM)


def press_ctrl_c(service: Service) -> None:
    """In a terminal: the whole foreground process group hears of it."""
    os.killpg(service.process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [terminate, press_ctrl_c])
def test_a_stop_waits_for_the_answers_under_way_and_others_may_come_again(
    service: Service, sample: str, stop: Callable[[Service], None]
) -> None:
    receipt = {"payload": {"image_base64": sample}}
    with (
        httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client,
        ThreadPoolExecutor() as caller,
    ):
        answer = caller.submit(client.post, "/api/v1/extract-receipt", json=receipt)
        while not service.processes("ray::receipt_extraction"):
            time.sleep(0.05)
        stop(service)
        while takes_more(service):
            time.sleep(0.05)
        assert answer.result().status_code == 200
    assert service.process.wait(60) == 0


def takes_more(service: Service) -> bool:
    """Whether somebody new is answered as usual."""
    try:
        answer = httpx.get(f"{service.url}/health/live")
    except httpx.TransportError:
        return False
    if answer.is_success:
        return True
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    return False
