from dataclasses import replace
from pathlib import Path

import pytest

from jobs.maintenance.erasure import TenantEraser
from jobs.queue.claims import Claims
from jobs.queue.job import Job
from jobs.queue.queue import JobQueue
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from tests.unit.conftest import Clock
from tests.unit.jobs.queue.job_values import DONE, claim_one, new_job


class JobFinisher:
    """Submits jobs that succeed at once, each with its dedup keys."""

    def __init__(self, database: Database, queue: JobQueue, claims: Claims) -> None:
        self.artifacts = Artifacts(database)
        self.queue = queue
        self.claims = claims

    async def finish(self, *dedup_keys: str, tenant_id: str = "t1") -> tuple[Job, str | None]:
        """Return the finished job and the `duplicate_of` of its output."""
        job = await self.queue.submit(new_job(tenant_id=tenant_id))
        assert await self.claims.succeed(
            await claim_one(self.claims), replace(DONE, dedup_keys=dedup_keys)
        )
        job = await self.queue.get(tenant_id, job.id)
        assert job.artifact_id is not None
        artifact = await self.artifacts.get(tenant_id, job.artifact_id)
        assert artifact.output_payload is not None
        return job, artifact.output_payload.get("duplicate_of")


@pytest.fixture
def jobs(database: Database, queue: JobQueue, claims: Claims) -> JobFinisher:
    return JobFinisher(database, queue, claims)


async def test_any_common_key_makes_a_duplicate_of_the_first_job(
    jobs: JobFinisher, clock: Clock
) -> None:
    first, duplicate_of = await jobs.finish("bytes 1", "ALDI 2026-01-10 9.99")
    assert duplicate_of is None
    clock.advance(1)
    _, duplicate_of = await jobs.finish("bytes 2", "ALDI 2026-01-10 9.99")
    assert duplicate_of == first.id
    clock.advance(1)
    _, duplicate_of = await jobs.finish("bytes 1")
    assert duplicate_of == first.id
    _, duplicate_of = await jobs.finish("bytes 3", "ALDI 2026-01-11 9.99")
    assert duplicate_of is None


async def test_a_job_is_no_duplicate_of_another_tenants_job(jobs: JobFinisher) -> None:
    await jobs.finish("bytes", tenant_id="t1")
    first, duplicate_of = await jobs.finish("bytes", tenant_id="t2")
    assert duplicate_of is None
    _, duplicate_of = await jobs.finish("bytes", tenant_id="t2")
    assert duplicate_of == first.id


async def test_a_job_without_keys_is_no_duplicate(jobs: JobFinisher) -> None:
    for _ in range(2):
        _, duplicate_of = await jobs.finish()
        assert duplicate_of is None


async def test_a_deleted_job_is_no_longer_named(
    jobs: JobFinisher, database: Database, tmp_path: Path, clock: Clock
) -> None:
    blobs = BlobStore(tmp_path / "blobs", database, clock)
    await jobs.finish("bytes")
    await TenantEraser(database, blobs, clock).erase("t1")
    _, duplicate_of = await jobs.finish("bytes")
    assert duplicate_of is None
