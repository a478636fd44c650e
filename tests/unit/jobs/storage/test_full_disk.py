"""A disk that is full at each write in turn, below the queue, retention and backups."""

import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, JobStatus, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.backup import DATABASE, BackupError, restore, save
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.schema import artifacts, attempts, job_events, jobs, webhooks
from sidecar.core.errors import DatabaseUnavailable, StorageUnavailable
from tests.unit.conftest import Clock, migrated
from tests.unit.full_disk import FullDisk
from tests.unit.jobs.retention import new_service

DONE = JobResult(output={"text": "x" * 2_000}, model_id="m", model_version="1")
TABLES = (attempts, job_events, webhooks, artifacts)
NO_ROWS = dict.fromkeys([table.name for table in TABLES], 0)
FATAL = AttemptError(code="invalid_image", message="No image.", retryable=False)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "data").mkdir()
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'data' / DATABASE}") as database:
        yield database


@pytest.fixture
def store(tmp_path: Path, database: Database, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path / "data" / "blobs", database, clock)


async def submit(queue: JobQueue, store: BlobStore, image: bytes) -> Job:
    sha256 = (await store.put("t", image, "image/png")).sha256
    return await queue.submit(
        NewJob(
            tenant_id="t",
            feature="f",
            input_payload={"image": {"sha256": sha256}},
            request_id=image.decode(),
            callback_url="https://core.example/done",
        )
    )


async def run_job(queue: JobQueue, claims: Claims, store: BlobStore, image: bytes) -> Job:
    job = await submit(queue, store, image)
    [claimed] = await claims.claim(["f"], 1)
    assert await claims.succeed(claimed, DONE)
    return job


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def books(database: Database, job: Job) -> tuple[str | None, dict[str, int]]:
    """Return the job's status, and the rows of it in each table."""
    async with database.read() as connection:
        status = await connection.scalar(select(jobs.c.status).where(jobs.c.id == job.id))
        return status, {
            table.name: await connection.scalar(
                select(func.count()).select_from(table).where(table.c.job_id == job.id)
            )
            or 0
            for table in TABLES
        }


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
async def test_the_end_of_a_job(
    database: Database,
    queue: JobQueue,
    claims: Claims,
    store: BlobStore,
    full_disk: FullDisk,
    status: JobStatus,
) -> None:
    async def end(job: Job) -> object:
        if status is JobStatus.SUCCEEDED:
            return await claims.succeed(job, DONE)
        return await claims.fail(job, FATAL)

    for writes in count():
        await submit(queue, store, b"image %d" % writes)
        [job] = await claims.claim(["f"], 1)
        running = await books(database, job)
        assert running[0] == JobStatus.RUNNING
        with full_disk.after(writes):
            try:
                ended = await end(job)
            except DatabaseUnavailable:
                ended = None
        if ended is None:
            assert await books(database, job) == running
            ended = await end(job)
        assert ended
        found, rows = await books(database, job)
        assert found == status
        assert (rows["attempts"], rows["webhooks"], rows["artifacts"]) == (1, 1, 1)
        if not full_disk.failures:
            assert writes > 3
            return


async def test_a_clock_set_back(
    queue: JobQueue, claims: Claims, store: BlobStore, clock: Clock, full_disk: FullDisk
) -> None:
    assert await claims.reclaim_expired() == 0
    await submit(queue, store, b"image")
    clock.set_by(-3600)
    with full_disk.after(0), pytest.raises(DatabaseUnavailable):
        await claims.reclaim_expired()
    assert await claims.reclaim_expired() == 0
    assert len(await claims.claim(["f"], 1)) == 1


async def test_retention(
    tmp_path: Path,
    database: Database,
    queue: JobQueue,
    claims: Claims,
    store: BlobStore,
    clock: Clock,
    full_disk: FullDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    retention = new_service(database, store, clock)
    # The files of all shards are looked at; two of them are enough.
    monkeypatch.setattr("jobs.maintenance.retention.SHARD_COUNT", 2)
    candidates = map(b"image %d".__mod__, count())
    images = (image for image in candidates if hashlib.sha256(image).digest()[0] < 2)
    old = await run_job(queue, claims, store, next(images))
    for writes in count():
        clock.advance(31 * 86_400)
        newest = next(images)
        recent = await run_job(queue, claims, store, newest)
        with full_disk.after(writes), suppress(DatabaseUnavailable, StorageUnavailable):
            await retention.run_if_due()
        failed = full_disk.failures
        clock.advance(3_601)
        assert await retention.run_if_due() is not None
        assert await books(database, old) == (None, NO_ROWS)
        status, rows = await books(database, recent)
        assert (status, rows["artifacts"]) == (JobStatus.SUCCEEDED, 1)
        assert [path.read_bytes() for path in files(tmp_path / "data" / "blobs")] == [newest]
        old = recent
        if not failed:
            assert writes > 6
            return


async def test_a_backup_and_its_restore(
    tmp_path: Path,
    database: Database,
    queue: JobQueue,
    claims: Claims,
    store: BlobStore,
    full_disk: FullDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It would wait for every disk of the machine.
    monkeypatch.setattr(os, "sync", full_disk.write)
    for number in range(3):
        await submit(queue, store, b"image %d" % number)
    for job in await claims.claim(["f"], 2):
        await claims.succeed(job, DONE)

    def is_complete(folder: Path) -> bool:
        with closing(sqlite3.connect(folder / DATABASE)) as copy:
            [(number,)] = copy.execute("SELECT count(*) FROM jobs").fetchall()
        return number == len(files(folder / "blobs")) == 3

    def on_every_full_disk(work: Callable[[Path], object], name: str) -> Path:
        for writes in count():
            target = tmp_path / f"{name}-{writes}"
            with full_disk.after(writes), suppress(OSError, BackupError, sqlite3.Error):
                work(target)
            failed = full_disk.failures
            if not (target / DATABASE).exists():
                assert failed
                work(target)
            assert is_complete(target)
            if not failed:
                assert writes > 6
                return target
        raise AssertionError

    backup = on_every_full_disk(lambda target: save(tmp_path / "data", target), "backup")
    on_every_full_disk(lambda target: restore(backup, target), "restored")
