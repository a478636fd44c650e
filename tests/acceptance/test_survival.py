"""What dies in between costs nothing, and what is stopped leaves nothing."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.launcher.ports import free_port
from tests.acceptance.conftest import polling
from tests.acceptance.databases import Database
from tests.acceptance.service import REPOSITORY, Service, configure, running
from tests.acceptance.test_receipts import is_the_sample, submit

pytestmark = pytest.mark.both_databases

Until = Callable[..., dict[str, Any]]

TENANT = {"x-tenant-id": "acceptance"}


def test_a_worker_killed_in_the_middle_costs_an_attempt_and_not_the_result(
    client: httpx.Client, service: Service, sample: str, until: Until
) -> None:
    service.wait_without("ray::receipt_extraction", within_s=10)
    job_id = submit(client, sample).json()["id"]
    until(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = service.processes("ray::receipt_extraction")
    worker.send_signal(signal.SIGKILL)
    job = until(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    is_the_sample(job["output_payload"])
    assert client.get("/api/v1/artifacts", params={"job_id": job_id}).json()["total"] == 1


def test_cancelling_ends_the_work_itself(
    client: httpx.Client, service: Service, sample: str, until: Until
) -> None:
    job_id = submit(client, sample).json()["id"]
    until(job_id, lambda job: 0 < job["progress"] < 1)
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    service.wait_without("ray::receipt_extraction", within_s=5)
    assert client.get(f"/api/v1/jobs/{job_id}").json()["status"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{job_id}/retry").json()["status"] == "queued"
    assert until(job_id)["status"] == "succeeded"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has just started, and lets a receipt take eight seconds."""
    folder = tmp_path_factory.mktemp("impatient")
    with running(folder, settings={"receipt": {"timeout_s": 8}}) as service:
        yield service


@pytest.fixture
def caller(impatient: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=impatient.url, headers=TENANT, timeout=60) as client:
        yield client


def with_the_reader(process: psutil.Process) -> bool:
    return any("onnxruntime" in each.path for each in process.memory_maps())


def test_a_process_with_the_reader_loaded_waits_for_the_first_receipt(
    impatient: Service, caller: httpx.Client, sample: str
) -> None:
    deadline = time.monotonic() + 30
    while not (warm := [one for one in impatient.processes("ray::IDLE") if with_the_reader(one)]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    until = polling(caller)
    job_id = submit(caller, sample).json()["id"]
    until(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = impatient.processes("ray::receipt_extraction")
    assert worker in warm
    assert until(job_id)["status"] == "succeeded"


def test_a_worker_that_stands_still_is_killed_when_its_time_is_up(
    impatient: Service, caller: httpx.Client, sample: str
) -> None:
    until = polling(caller)
    job_id = submit(caller, sample).json()["id"]
    until(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = impatient.processes("ray::receipt_extraction")
    worker.suspend()
    job = until(job_id)
    assert job["status"] == "succeeded"
    assert [(one["outcome"], one["error_code"]) for one in job["attempts"]] == [
        ("failed", "timeout"),
        ("succeeded", None),
    ]
    worker.wait(30)


def test_a_client_that_hangs_up_stops_its_receipt(
    client: httpx.Client, service: Service, sample: str, until: Until
) -> None:
    with contextlib.suppress(httpx.ReadTimeout):
        client.post(
            "/api/v1/extract-receipt",
            json={"tenant_id": "acceptance", "payload": {"image_base64": sample}},
            headers={"x-request-id": "hang-up"},
            timeout=0.5,
        )
    newest = client.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    assert newest["request_id"] == "hang-up"
    assert until(newest["id"])["status"] == "cancelled"
    service.wait_without("ray::receipt_extraction", within_s=5)


def test_stopping_and_starting_again_loses_no_job_and_leaves_no_process(
    tmp_path: Path, sample: str, database: Database
) -> None:
    settings = database.settings()

    @contextmanager
    def started() -> Iterator[tuple[Service, httpx.Client]]:
        with (
            running(tmp_path, settings=settings, change=database.change) as service,
            httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client,
        ):
            yield service, client

    with started() as (service, client):
        ids = [submit(client, sample).json()["id"] for _ in range(3)]
        processes = [
            psutil.Process(service.process.pid),
            *psutil.Process(service.process.pid).children(recursive=True),
        ]
        assert service.stop() == 0
        assert not [process for process in processes if process.is_running()]
    with started() as (service, client):
        deadline = time.monotonic() + 60
        while True:
            jobs = [client.get(f"/api/v1/jobs/{job_id}").json() for job_id in ids]
            if all(job["status"] == "succeeded" for job in jobs):
                break
            assert time.monotonic() < deadline, jobs
            time.sleep(0.1)
        assert client.get("/api/v1/artifacts").json()["total"] == 3
    if database.name == "sqlite":
        with closing(sqlite3.connect(service.data_dir / "service.db")) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_port_in_use_is_said_at_once(service: Service, tmp_path: Path) -> None:
    config = (service.data_dir.parent / "serve_config.yaml").read_text()
    (tmp_path / "serve_config.yaml").write_text(config)
    second = subprocess.run(
        [sys.executable, "-m", "deployments.launcher", str(tmp_path / "serve_config.yaml")],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "in use" in second.stderr


def test_a_start_that_ray_dies_in_ends_at_once_for_whoever_supervises_it(tmp_path: Path) -> None:
    config = configure(tmp_path, free_port(), {"metrics_port": free_port()})
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.launcher", str(config)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as start:
        assert start.stdout is not None
        while "deploying" not in start.stdout.readline():
            assert start.poll() is None
        [raylet] = [
            child for child in psutil.Process(start.pid).children() if child.name() == "raylet"
        ]
        raylet.kill()
        assert start.wait(30) == 1
        assert "Ray has died" in start.stdout.read()
