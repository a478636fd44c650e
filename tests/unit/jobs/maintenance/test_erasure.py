"""Erasing a tenant leaves nothing of it, and everything of the others."""

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
from jobs.storage.feedback import Correction, CorrectionKind, Feedback, FeedbackStore, Rating
from jobs.storage.schema import metadata
from sidecar.core.ids import new_id
from tests.unit.jobs.conftest import Clock, migrated

DONE = JobResult(output={"merchant": "Corner Shop"}, model_id="m", model_version="1")
#: What belongs to no tenant.
COMMON = {"leases", "prunings"}


async def live(tenant: str, database: Database, folder: Path, clock: Clock) -> None:
    """One of everything: a result, a job that runs, one that waits, feedback and a correction."""
    queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r1", clock=clock)
    blobs = BlobStore(folder / "blobs", database, clock)
    for data in (b"shared by all", f"of {tenant}".encode(), b"shared by all"):
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
    given = Feedback(
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
    learnt = Correction(kind=CorrectionKind.CATEGORY, key="milk", name="Milk", value="Dairy")
    await FeedbackStore(database).add(given, [learnt])


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
            if table.name not in COMMON
        }


@pytest.fixture
def erasure(database: Database, tmp_path: Path, clock: Clock) -> TenantEraser:
    return TenantEraser(database, BlobStore(tmp_path / "blobs", database, clock), clock)


async def test_nothing_of_the_tenant_is_left_and_all_of_the_others(
    database: Database, erasure: TenantEraser, tmp_path: Path, clock: Clock
) -> None:
    await live("a", database, tmp_path, clock)
    of_one = await counts(database)
    assert all(of_one[name] for name in of_one if name != "webhooks"), of_one
    await live("b", database, tmp_path, clock)

    erased = await erasure.erase("a")
    assert erased == {name: count for name, count in of_one.items() if name in erased}
    assert await counts(database) == of_one
    blobs = [path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert sorted(blobs) == [b"of b", b"shared by all"]

    assert set((await erasure.erase("a")).values()) == {0}
    await erasure.erase("b")
    assert set((await counts(database)).values()) == {0}
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


async def test_what_runs_is_taken_from_its_runner_and_leaves_no_result(
    database: Database, erasure: TenantEraser, queue: JobQueue, claims: Claims
) -> None:
    await queue.submit(NewJob(tenant_id="a", feature="f", input_payload={}, request_id="r"))
    [held] = await claims.claim(["f"], 1)
    await erasure.erase("a")
    assert await claims.find_still_claimed([held]) == set()
    assert not await claims.succeed(held, DONE)
    assert set((await counts(database)).values()) == {0}


async def crowd(database: Database, clock: Clock, *, jobs: int) -> None:
    """Jobs of two tenants mixed, ended in another order than they came in."""
    queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r1", clock=clock)
    chance = random.Random(1)
    for number in range(jobs):
        tenant = ("the-tenant-that-leaves", "the-tenant-that-stays")[number % 2]
        await queue.submit(
            NewJob(
                tenant_id=tenant,
                feature="f",
                input_payload={"said": [tenant] * chance.randint(1, 60)},
                request_id=f"{tenant}-{number}",
                idempotency_key=f"{chance.random()} {tenant}",
            )
        )
    held = list(await claims.claim(["f"], jobs))
    chance.shuffle(held)
    for job in held:
        output = {"heard": [job.tenant_id] * chance.randint(1, 100)}
        await claims.succeed(job, JobResult(output=output, model_id="m", model_version="1"))


async def test_what_was_erased_is_not_in_the_file_any_more(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as database:
        await live("the-tenant-that-leaves", database, tmp_path, clock)
        await crowd(database, clock, jobs=300)
        blobs = BlobStore(tmp_path / "blobs", database, clock)
        await TenantEraser(database, blobs, clock).erase("the-tenant-that-leaves")
        for name in ("test.db", "test.db-wal"):
            assert b"the-tenant-that-leaves" not in (tmp_path / name).read_bytes(), name
        assert (tmp_path / "test.db").read_bytes().count(b"the-tenant-that-stays") > 1000


async def test_a_reader_who_is_in_the_way_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    log = tmp_path / "test.db-wal"
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        await live("the-tenant-that-leaves", database, tmp_path, clock)
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
