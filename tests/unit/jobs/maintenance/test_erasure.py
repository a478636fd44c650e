"""Erasing a tenant deletes all of its data, and nothing of other tenants."""

import asyncio
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.maintenance.erasure import TenantEraser
from jobs.queue.claims import Claims
from jobs.queue.job import JobResult, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, Feedback, FeedbackStore, Rating
from jobs.storage.schema import metadata
from sidecar.core.ids import new_id
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock, migrated

DONE = JobResult(output={"merchant": "Corner Shop"}, model_id="m", model_version="1")
#: Tables without a tenant.
SHARED_TABLES = {"leases", "prunings", "paused_queues"}


async def create_data(tenant: str, database: Database, folder: Path, clock: Clock) -> None:
    """Create a result, a running and a queued job, feedback and a correction."""
    queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r1", clock=clock)
    blobs = BlobStore(folder / "blobs", database, clock)
    for data in (b"shared", f"only {tenant}".encode(), b"shared"):
        sha256 = (await blobs.put(tenant, data, "image/png")).sha256
        await queue.submit(
            NewJob(
                tenant_id=tenant,
                feature=tenant,
                input_payload={"image": {"sha256": sha256}},
                request_id="r",
                callback_url="https://core.example/done",
            )
        )
    done, _ = await claims.claim([tenant], 2)
    await claims.succeed(done, replace(DONE, dedup_keys=["a mark"]))
    entry = Feedback(
        id=new_id("fb_", clock.now),
        tenant_id=tenant,
        user_id="u",
        rating=Rating.THUMBS_DOWN,
        note="no",
        artifact_id=None,
        job_id=done.id,
        correction=None,
        created_at=clock.now,
    )
    correction = Correction(kind=CorrectionKind.CATEGORY, key="milk", name="Milk", value="Dairy")
    await FeedbackStore(database).add(entry, [correction])


async def count_rows(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
            if table.name not in SHARED_TABLES
        }


@pytest.fixture
def eraser(database: Database, tmp_path: Path, clock: Clock) -> TenantEraser:
    return TenantEraser(database, BlobStore(tmp_path / "blobs", database, clock), clock)


async def test_all_data_of_the_tenant_and_nothing_else_is_deleted(
    database: Database, eraser: TenantEraser, tmp_path: Path, clock: Clock
) -> None:
    await create_data("a", database, tmp_path, clock)
    one_tenant = await count_rows(database)
    assert all(one_tenant[name] for name in one_tenant if name != "webhooks"), one_tenant
    await create_data("b", database, tmp_path, clock)

    erased = await eraser.erase("a")
    assert erased == {name: count for name, count in one_tenant.items() if name in erased}
    assert await count_rows(database) == one_tenant
    blobs = [path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert sorted(blobs) == [b"only b", b"shared"]

    assert set((await eraser.erase("a")).values()) == {0}
    await eraser.erase("b")
    assert set((await count_rows(database)).values()) == {0}
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


async def test_a_running_job_is_cancelled_and_stores_no_result(
    database: Database, eraser: TenantEraser, queue: JobQueue, claims: Claims
) -> None:
    await queue.submit(NewJob(tenant_id="a", feature="f", input_payload={}, request_id="r"))
    [job] = await claims.claim(["f"], 1)
    await eraser.erase("a")
    assert await claims.find_still_claimed([job]) == set()
    assert not await claims.succeed(job, DONE)
    assert set((await count_rows(database)).values()) == {0}


async def create_finished_jobs(database: Database, clock: Clock, *, count: int) -> None:
    """Finish interleaved jobs of two tenants in a random order."""
    queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r1", clock=clock)
    rng = random.Random(1)
    for number in range(count):
        tenant = ("the-tenant-that-leaves", "the-tenant-that-stays")[number % 2]
        await queue.submit(
            NewJob(
                tenant_id=tenant,
                feature="f",
                input_payload={"input": [tenant] * rng.randint(1, 60)},
                request_id=f"{tenant}-{number}",
                idempotency_key=f"{rng.random()} {tenant}",
            )
        )
    claimed = list(await claims.claim(["f"], count))
    rng.shuffle(claimed)
    for job in claimed:
        output = {"output": [job.tenant_id] * rng.randint(1, 100)}
        await claims.succeed(job, JobResult(output=output, model_id="m", model_version="1"))


async def test_no_erased_byte_remains_in_the_file(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as database:
        await create_data("the-tenant-that-leaves", database, tmp_path, clock)
        await create_finished_jobs(database, clock, count=300)
        blobs = BlobStore(tmp_path / "blobs", database, clock)
        await TenantEraser(database, blobs, clock).erase("the-tenant-that-leaves")
        for name in ("test.db", "test.db-wal"):
            assert b"the-tenant-that-leaves" not in (tmp_path / name).read_bytes(), name
        assert (tmp_path / "test.db").read_bytes().count(b"the-tenant-that-stays") > 1000


async def test_erasure_waits_for_a_reader_that_blocks_the_checkpoint(
    tmp_path: Path, clock: Clock
) -> None:
    log = tmp_path / "test.db-wal"
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        await create_data("the-tenant-that-leaves", database, tmp_path, clock)
        blobs = BlobStore(tmp_path / "blobs", database, clock)
        with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM jobs").fetchone()
            erasing = asyncio.create_task(
                TenantEraser(database, blobs, clock).erase("the-tenant-that-leaves")
            )
            done, _ = await asyncio.wait([erasing], timeout=0.3)
            assert not done
            assert b"the-tenant-that-leaves" in log.read_bytes()
            reader.execute("ROLLBACK")
            await erasing
        assert b"the-tenant-that-leaves" not in log.read_bytes()
