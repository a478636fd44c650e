"""Blob storage by content, with access by tenant."""

import hashlib
from pathlib import Path

import pytest

from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from sidecar.core.errors import NotFound, StorageUnavailable
from tests.unit.conftest import Clock

DATA = b"\xff\xd8 not much of an image"


@pytest.fixture
def blobs(tmp_path: Path, database: Database, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path / "blobs", database, clock)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_get_returns_the_stored_bytes(blobs: BlobStore) -> None:
    blob = await blobs.put("t1", DATA, "image/jpeg")
    assert blob.sha256 == hashlib.sha256(DATA).hexdigest()
    assert await blobs.get("t1", blob.sha256) == (blob, DATA)


async def test_equal_bytes_share_one_file_but_access_is_by_tenant(
    blobs: BlobStore, tmp_path: Path
) -> None:
    sha256 = (await blobs.put("t1", DATA, "image/jpeg")).sha256
    with pytest.raises(NotFound):
        await blobs.get("t2", sha256)
    await blobs.put("t2", DATA, "image/jpeg")
    await blobs.put("t2", DATA, "image/jpeg")
    assert (await blobs.get("t2", sha256))[1] == DATA
    assert len(files(tmp_path / "blobs")) == 1


async def test_a_blob_without_a_file_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    sha256 = (await blobs.put("t1", DATA, "image/jpeg")).sha256
    for file in files(tmp_path / "blobs"):
        file.unlink()
    with pytest.raises(NotFound, match="no longer"):
        await blobs.get("t1", sha256)


async def test_an_unwritable_folder_raises_storage_unavailable(
    tmp_path: Path, database: Database, clock: Clock
) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = BlobStore(tmp_path / "file" / "blobs", database, clock)
    with pytest.raises(StorageUnavailable):
        await blobs.put("t1", DATA, "image/jpeg")
    with pytest.raises(StorageUnavailable):
        await blobs.free_bytes()
    assert await BlobStore(tmp_path / "blobs", database, clock).free_bytes() > 0
