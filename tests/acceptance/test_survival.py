"""Killed processes lose no results, and a stopped service leaves no processes."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.launcher.ports import free_port
from tests.acceptance.conftest import WaitForJob, job_poller
from tests.acceptance.databases import Database
from tests.acceptance.service import REPOSITORY, Service, configure, running
from tests.acceptance.test_receipts import assert_is_sample, submit

pytestmark = pytest.mark.both_databases

TENANT = {"x-tenant-id": "acceptance"}


def test_a_killed_worker_process_costs_an_attempt_and_not_the_result(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
) -> None:
    service.wait_for_processes("ray::receipt_extraction", 0, within_s=10)
    job_id = submit(client, sample).json()["id"]
    wait_for_job(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = service.processes("ray::receipt_extraction")
    worker.send_signal(signal.SIGKILL)
    job = wait_for_job(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert_is_sample(job["output_payload"])
    assert client.get("/api/v1/artifacts", params={"job_id": job_id}).json()["total"] == 1


def test_cancelling_a_job_kills_its_attempt(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
) -> None:
    job_id = submit(client, sample).json()["id"]
    wait_for_job(job_id, lambda job: 0 < job["progress"] < 1)
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    service.wait_for_processes("ray::receipt_extraction", 0, within_s=5)
    assert client.get(f"/api/v1/jobs/{job_id}").json()["status"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{job_id}/retry").json()["status"] == "queued"
    assert wait_for_job(job_id)["status"] == "succeeded"


@pytest.fixture(scope="module")
def fresh_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has just started, with a time limit of eight seconds for receipts."""
    folder = tmp_path_factory.mktemp("fresh")
    with running(folder, settings={"receipt": {"timeout_s": 8}}) as service:
        yield service


@pytest.fixture
def fresh_client(fresh_service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fresh_service.url, headers=TENANT, timeout=60) as client:
        yield client


def has_loaded_the_reader(process: psutil.Process) -> bool:
    return any("onnxruntime" in mapping.path for mapping in process.memory_maps())


def test_the_first_receipt_runs_in_a_warm_worker_process(
    fresh_service: Service, fresh_client: httpx.Client, sample: str
) -> None:
    deadline = time.monotonic() + 30
    while not (warm := list(filter(has_loaded_the_reader, fresh_service.processes("ray::IDLE")))):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    wait_for_job = job_poller(fresh_client)
    job_id = submit(fresh_client, sample).json()["id"]
    wait_for_job(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = fresh_service.processes("ray::receipt_extraction")
    assert worker in warm
    assert wait_for_job(job_id)["status"] == "succeeded"


def test_a_hanging_attempt_is_killed_at_its_time_limit(
    fresh_service: Service, fresh_client: httpx.Client, sample: str
) -> None:
    wait_for_job = job_poller(fresh_client)
    job_id = submit(fresh_client, sample).json()["id"]
    wait_for_job(job_id, lambda job: 0 < job["progress"] < 1)
    [worker] = fresh_service.processes("ray::receipt_extraction")
    worker.suspend()
    job = wait_for_job(job_id)
    assert job["status"] == "succeeded"
    assert [(attempt["outcome"], attempt["error_code"]) for attempt in job["attempts"]] == [
        ("failed", "timeout"),
        ("succeeded", None),
    ]
    worker.wait(30)


def test_a_disconnect_cancels_the_receipts_job(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
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
    assert wait_for_job(newest["id"])["status"] == "cancelled"
    service.wait_for_processes("ray::receipt_extraction", 0, within_s=5)


def test_a_restart_loses_no_job_and_a_stop_leaves_no_process(
    tmp_path: Path, sample: str, database: Database
) -> None:
    settings = database.settings()

    @contextmanager
    def start() -> Iterator[tuple[Service, httpx.Client]]:
        with (
            running(tmp_path, settings=settings, change=database.change) as service,
            httpx.Client(base_url=service.url, headers=TENANT, timeout=60) as client,
        ):
            yield service, client

    with start() as (service, client):
        ids = [submit(client, sample).json()["id"] for _ in range(3)]
        processes = [
            psutil.Process(service.process.pid),
            *psutil.Process(service.process.pid).children(recursive=True),
        ]
        assert service.stop() == 0
        assert not [process for process in processes if process.is_running()]
    with start() as (service, client):
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


def test_a_port_in_use_fails_the_start_at_once(service: Service, tmp_path: Path) -> None:
    config = (service.data_dir.parent / "serve_config.yaml").read_text()
    (tmp_path / "serve_config.yaml").write_text(config)
    process = subprocess.run(
        [sys.executable, "-m", "deployments.launcher", str(tmp_path / "serve_config.yaml")],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "in use" in process.stderr


def test_a_start_ends_at_once_when_ray_dies(tmp_path: Path) -> None:
    config = configure(tmp_path, free_port(), {"metrics_port": free_port()})
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.launcher", str(config)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "Deploying" not in process.stdout.readline():
            assert process.poll() is None
        children = psutil.Process(process.pid).children()
        [raylet] = [child for child in children if child.name() == "raylet"]
        raylet.kill()
        assert process.wait(30) == 1
        assert "Ray has died" in process.stdout.read()
