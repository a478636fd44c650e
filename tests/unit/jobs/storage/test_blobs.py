"""Blobs: bytes in, the same bytes out, for their own tenant."""

import hashlib
from pathlib import Path

import pytest

from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from sidecar.core.errors import NotFound, StorageUnavailable
from tests.unit.jobs.conftest import Clock

DATA = b"\xff\xd8 not much of an image"


@pytest.fixture
def blobs(tmp_path: Path, database: Database, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path / "blobs", database, clock)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_was_put_comes_back(blobs: BlobStore) -> None:
    put = await blobs.put("t1", DATA, "image/jpeg")
    assert put.sha256 == hashlib.sha256(DATA).hexdigest()
    assert await blobs.get("t1", put.sha256) == (put, DATA)


async def test_the_same_bytes_are_one_file_and_each_tenant_sees_only_its_own(
    blobs: BlobStore, tmp_path: Path
) -> None:
    sha256 = (await blobs.put("t1", DATA, "image/jpeg")).sha256
    with pytest.raises(NotFound):
        await blobs.get("t2", sha256)
    await blobs.put("t2", DATA, "image/jpeg")
    await blobs.put("t2", DATA, "image/jpeg")
    assert (await blobs.get("t2", sha256))[1] == DATA
    assert len(files(tmp_path / "blobs")) == 1


async def test_a_file_that_is_gone_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    sha256 = (await blobs.put("t1", DATA, "image/jpeg")).sha256
    for file in files(tmp_path / "blobs"):
        file.unlink()
    with pytest.raises(NotFound, match="no longer"):
        await blobs.get("t1", sha256)


async def test_a_folder_that_cannot_be_written_is_unavailable(
    tmp_path: Path, database: Database, clock: Clock
) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = BlobStore(tmp_path / "file" / "blobs", database, clock)
    with pytest.raises(StorageUnavailable):
        await blobs.put("t1", DATA, "image/jpeg")
    with pytest.raises(StorageUnavailable):
        await blobs.free_bytes()
    assert await BlobStore(tmp_path / "blobs", database, clock).free_bytes() > 0
