"""A copy that is made while the service writes is a whole one, and comes back."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import JobResult, NewJob
from jobs.queue.queue import JobFilter, JobQueue, utc_now
from jobs.storage.backup import BackupError, BackupSummary, restore, save
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from tests.unit.jobs.conftest import migrated

DONE = JobResult(output={"total": "1.99"}, model_id="m", model_version="1")


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'service.db'}"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = Database(url(folder))
    yield database
    await database.close()


async def work(database: Database, folder: Path, number: int) -> None:
    """A job with its image, and its result."""
    sha256 = (
        await BlobStore(folder / "blobs", database, utc_now).put(
            "t", b"image %d" % number, "image/png"
        )
    ).sha256
    payload = {"image": {"sha256": sha256}}
    await JobQueue(database).submit(
        NewJob(tenant_id="t", feature="f", input_payload=payload, request_id=str(number))
    )
    claims = Claims(database, runner="r")
    for held in await claims.claim(["f"], 5):
        await claims.succeed(held, DONE)


async def test_a_copy_made_while_jobs_go_on_holds_every_one_that_it_names(tmp_path: Path) -> None:
    data, copy, again = tmp_path / "data", tmp_path / "copies" / "one", tmp_path / "again"
    data.mkdir()
    async with migrated(url(data)) as database:
        await work(database, data, 0)
        writing = asyncio.create_task(asyncio.wait_for(_write_on(database, data), 30))
        copied = await asyncio.to_thread(save, data, copy)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert copied.missing == 0
    assert copied.blobs >= 1

    assert await asyncio.to_thread(restore, copy, again) == copied
    async with opened(again) as database:
        jobs, total = await JobQueue(database).list("t", JobFilter(), limit=100, offset=0)
        assert total >= copied.blobs
        blobs = BlobStore(again / "blobs", database, utc_now)
        for job in jobs:
            _, data_ = await blobs.get("t", job.input_payload["image"]["sha256"])
            assert data_ == b"image %d" % int(job.request_id)
        await work(database, again, 10_000)


async def _write_on(database: Database, folder: Path) -> None:
    number = 0
    while True:
        number += 1
        await work(database, folder, number)


@pytest.fixture
async def copy(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    async with migrated(url(data)) as database:
        await work(database, data, 1)
    save(data, tmp_path / "copy")
    return tmp_path / "copy"


async def test_nothing_is_overwritten(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="exists"):
        save(tmp_path / "data", copy)
    with pytest.raises(BackupError, match="move it away"):
        restore(copy, tmp_path / "data")
    with pytest.raises(BackupError, match="has no"):
        save(tmp_path / "nothing", tmp_path / "copy2")


async def test_a_damaged_copy_is_not_restored(copy: Path, tmp_path: Path) -> None:
    [blob] = [path for path in (copy / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(b"something else")
    with pytest.raises(BackupError, match="damaged"):
        restore(copy, tmp_path / "new")
    database = copy / "service.db"
    database.write_bytes(database.read_bytes()[:5000])
    with pytest.raises(BackupError):
        restore(copy, tmp_path / "new")
    assert not (tmp_path / "new" / "service.db").exists()


async def test_an_image_that_was_pruned_meanwhile_is_counted(copy: Path, tmp_path: Path) -> None:
    [blob] = [path for path in (copy / "blobs").rglob("*") if path.is_file()]
    blob.unlink()
    assert restore(copy, tmp_path / "new") == BackupSummary(blobs=1, missing=1)


async def test_the_command_says_what_it_did(copy: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "jobs.storage.backup",
        "restore",
        str(copy),
        str(tmp_path / "new"),
    ]
    first = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert "1 images" in first.stdout
    second = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "move it away" in second.stderr
