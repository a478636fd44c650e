"""Backup and restore, while the service writes."""

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
from jobs.storage.backup import DATABASE, BackupError, BackupSummary, restore, save
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from sidecar.core.settings import Settings
from tests.unit.conftest import migrated

DONE = JobResult(output={"total": "1.99"}, model_id="m", model_version="1")


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'service.db'}"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = Database(url(folder))
    yield database
    await database.close()


async def run_job(database: Database, folder: Path, number: int) -> None:
    """Submit a job with an image, and finish it."""
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
    for job in await claims.claim(["f"], 5):
        await claims.succeed(job, DONE)


async def test_a_backup_during_writes_is_consistent_and_restores_completely(tmp_path: Path) -> None:
    data, backup, restored = tmp_path / "data", tmp_path / "copies" / "monday", tmp_path / "again"
    data.mkdir()
    async with migrated(url(data)) as database:
        await run_job(database, data, 0)
        writing = asyncio.create_task(asyncio.wait_for(_keep_writing(database, data), 30))
        saved = await asyncio.to_thread(save, data, backup)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert saved.missing == 0
    assert saved.blobs >= 1

    assert await asyncio.to_thread(restore, backup, restored) == saved
    async with opened(restored) as database:
        jobs, total = await JobQueue(database).list("t", JobFilter(), limit=100, offset=0)
        assert total >= saved.blobs
        blobs = BlobStore(restored / "blobs", database, utc_now)
        for job in jobs:
            _, image = await blobs.get("t", job.input_payload["image"]["sha256"])
            assert image == b"image %d" % int(job.request_id)
        await run_job(database, restored, 10_000)


async def _keep_writing(database: Database, folder: Path) -> None:
    number = 0
    while True:
        number += 1
        await run_job(database, folder, number)


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    async with migrated(url(data)) as database:
        await run_job(database, data, 1)
    save(data, tmp_path / "copy")
    return tmp_path / "copy"


async def test_existing_folders_are_not_overwritten(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="exists"):
        save(tmp_path / "data", backup)
    with pytest.raises(BackupError, match="move it away"):
        restore(backup, tmp_path / "data")
    with pytest.raises(BackupError, match="has no"):
        save(tmp_path / "nothing", tmp_path / "copy2")


async def test_a_backup_without_images_is_restored_into_a_new_folder(tmp_path: Path) -> None:
    data, copy, restored = tmp_path / "data", tmp_path / "copy", tmp_path / "new" / "data"
    data.mkdir()
    async with migrated(url(data)):
        save(data, copy)
    assert restore(copy, restored) == BackupSummary(0, 0)
    assert (restored / DATABASE).is_file()


async def test_a_damaged_backup_is_not_restored(backup: Path, tmp_path: Path) -> None:
    [blob] = [path for path in (backup / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(b"something else")
    with pytest.raises(BackupError, match="damaged"):
        restore(backup, tmp_path / "new")
    database = backup / "service.db"
    database.write_bytes(database.read_bytes()[:5000])
    with pytest.raises(BackupError):
        restore(backup, tmp_path / "new")
    assert not (tmp_path / "new" / "service.db").exists()


async def test_a_damaged_database_is_not_saved(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match="can't be copied"):
        save(tmp_path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_folders_may_have_any_name(tmp_path: Path) -> None:
    data, copy, restored = (tmp_path / name for name in ("50%20 ?ö", "monday #2", "d%23?e"))
    data.mkdir()
    async with migrated(Settings(data_dir=data).resolved_database_url) as database:
        await run_job(database, data, 1)
    assert save(data, copy) == BackupSummary(1, 0)
    assert restore(copy, restored) == BackupSummary(1, 0)


async def test_a_missing_image_is_counted(backup: Path, tmp_path: Path) -> None:
    [blob] = [path for path in (backup / "blobs").rglob("*") if path.is_file()]
    blob.unlink()
    assert restore(backup, tmp_path / "new") == BackupSummary(blobs=1, missing=1)


async def test_the_command_prints_a_summary_or_an_error(backup: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jobs.storage.backup"]
    command += ["restore", str(backup), str(tmp_path / "new")]
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


async def test_what_is_stored_is_for_its_user_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / DATABASE).touch(mode=0o644)  # as an earlier version left it
    async with migrated(f"sqlite+aiosqlite:///{data_dir / DATABASE}"):
        modes = {file.name: file.stat().st_mode & 0o777 for file in data_dir.iterdir()}
    assert modes[DATABASE] == 0o600
    assert set(modes.values()) == {0o600}, modes
    save(data_dir, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "backup" / DATABASE).stat().st_mode & 0o777 == 0o600
