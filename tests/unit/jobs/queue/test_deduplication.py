"""Two jobs about the same thing: the later one names the earlier, within a tenant."""

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
from tests.unit.jobs.conftest import Clock
from tests.unit.jobs.queue.test_queue import DONE, another, claim_one


class Shop:
    """Jobs that end at once, each with its marks."""

    def __init__(self, database: Database, queue: JobQueue, claims: Claims) -> None:
        self.artifacts = Artifacts(database)
        self.queue = queue
        self.claims = claims

    async def ends(self, *dedup_keys: str, tenant_id: str = "t1") -> tuple[Job, str | None]:
        """The job, and what it says it is a duplicate of."""
        job = await self.queue.submit(another(tenant_id=tenant_id))
        assert await self.claims.succeed(
            await claim_one(self.claims), replace(DONE, dedup_keys=dedup_keys)
        )
        job = await self.queue.get(tenant_id, job.id)
        assert job.artifact_id is not None
        artifact = await self.artifacts.get(tenant_id, job.artifact_id)
        assert artifact.output_payload is not None
        return job, artifact.output_payload.get("duplicate_of")


@pytest.fixture
def shop(database: Database, queue: JobQueue, claims: Claims) -> Shop:
    return Shop(database, queue, claims)


async def test_any_mark_in_common_makes_a_duplicate_of_the_first(shop: Shop, clock: Clock) -> None:
    first, told = await shop.ends("bytes 1", "ALDI 2026-01-10 9.99")
    assert told is None
    clock.pass_(1)
    _, told = await shop.ends("bytes 2", "ALDI 2026-01-10 9.99")
    assert told == first.id
    clock.pass_(1)
    _, told = await shop.ends("bytes 1")
    assert told == first.id
    _, told = await shop.ends("bytes 3", "ALDI 2026-01-11 9.99")
    assert told is None


async def test_another_tenants_job_is_never_named(shop: Shop) -> None:
    await shop.ends("bytes", tenant_id="t1")
    own, told = await shop.ends("bytes", tenant_id="t2")
    assert told is None
    _, told = await shop.ends("bytes", tenant_id="t2")
    assert told == own.id


async def test_what_bears_no_mark_is_no_duplicate(shop: Shop) -> None:
    for _ in range(2):
        _, told = await shop.ends()
        assert told is None


async def test_a_job_that_is_gone_is_named_no_more(
    shop: Shop, database: Database, tmp_path: Path, clock: Clock
) -> None:
    blobs = BlobStore(tmp_path / "blobs", database, clock)
    await shop.ends("bytes")
    await TenantEraser(database, blobs, clock).erase("t1")
    _, told = await shop.ends("bytes")
    assert told is None
