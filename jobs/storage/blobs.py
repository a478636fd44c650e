"""Content-addressed blob storage: files named by their SHA-256, with metadata in the database.

A blob's file is durable before its row is: temporary file, fsync, rename, fsync of the folder. A
row grants one tenant access; the same bytes from two tenants are one file and two rows.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from jobs.storage.database import Database
from jobs.storage.schema import blobs
from sidecar.core.errors import NotFound, StorageUnavailable


@dataclass(frozen=True, kw_only=True)
class Blob:
    """The metadata of a blob."""

    sha256: str
    media_type: str
    size: int  # bytes


@dataclass(frozen=True)
class SweepResult:
    """The files removed from the disk."""

    files: int = 0
    size: int = 0  # bytes

    def __add__(self, other: "SweepResult") -> "SweepResult":
        return SweepResult(self.files + other.files, self.size + other.size)


#: The files are spread over this many folders, by the first byte of their hash.
SHARD_COUNT = 256
#: An older temporary file was left behind by a crash.
TEMP_FILE_MAX_AGE = timedelta(hours=1)

_TEMP_PREFIX = ".new-"
_QUARANTINE_PREFIX = ".aside-"

T = TypeVar("T")


class BlobStore:
    """The blobs of one service."""

    def __init__(self, folder: Path, database: Database, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._database = database
        self._clock = clock

    async def put(self, tenant_id: str, data: bytes, media_type: str) -> Blob:
        """Store the bytes; they are durable when this returns.

        Raises StorageUnavailable or DatabaseUnavailable.
        """
        sha256 = await self._in_thread(lambda: self._write(data))
        blob = Blob(sha256=sha256, media_type=media_type, size=len(data))
        row = {"tenant_id": tenant_id, "created_at": self._clock(), **asdict(blob)}

        def upsert(connection: Connection) -> None:
            # A repeated upload restarts the retention period.
            statement = self._database.insert(blobs).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["tenant_id", "sha256"],
                    set_={"created_at": statement.excluded.created_at},
                )
            )

        await self._database.write(upsert)
        # Until its row was committed, a concurrent `remove` may have taken the file.
        await self._in_thread(lambda: self._write(data))
        return blob

    async def get(self, tenant_id: str, sha256: str) -> tuple[Blob, bytes]:
        """Return the metadata and the bytes.

        Raises NotFound when this tenant has no such blob, StorageUnavailable or
        DatabaseUnavailable when it can't be read.
        """
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(blobs.c.sha256, blobs.c.media_type, blobs.c.size).where(
                    blobs.c.tenant_id == tenant_id, blobs.c.sha256 == sha256
                )
            )
            row = rows.one_or_none()
        if row is None:
            raise NotFound("There is no such image.")
        try:
            data = await asyncio.to_thread(self._read, row.sha256)
        except FileNotFoundError as error:
            raise NotFound("The image is no longer kept.") from error
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error
        return Blob(**row._mapping), data

    async def free_bytes(self) -> int:
        """Return the free disk space. Raises StorageUnavailable when nothing can be written."""
        return await self._in_thread(self._probe)

    async def remove(self, sha256s: Collection[str], *, besides: str | None = None) -> SweepResult:
        """Remove the files of those blobs that no tenant has any more, `besides` one.

        Each file is quarantined, its rows are checked again, and then it is deleted or restored: a
        row that was inserted meanwhile gets its file back, or `put` writes the file again. Raises
        StorageUnavailable and DatabaseUnavailable.
        """
        removed = SweepResult()
        remaining = iter(sha256s)
        while batch := set(islice(remaining, 500)):
            orphans = batch - await self._referenced(batch, besides)
            await asyncio.gather(
                *(self._in_thread(partial(self._quarantine, sha256)) for sha256 in orphans)
            )
            removed += await self._empty_quarantine(orphans, besides)
        return removed

    async def sweep(self, shard: int) -> SweepResult:
        """Remove a shard's unreferenced files: orphaned blobs and leftovers of crashes.

        Raises StorageUnavailable and DatabaseUnavailable.
        """
        folder = self._folder / f"{shard:02x}"
        names = [file.name for file in await self._in_thread(lambda: list(folder.glob("*")))]
        before = (self._clock() - TEMP_FILE_MAX_AGE).timestamp()
        temporary = [folder / name for name in names if name.startswith(_TEMP_PREFIX)]
        removed = await self._in_thread(lambda: _sum(_unlink(file, before) for file in temporary))
        removed += await self._empty_quarantine(
            {
                name.removeprefix(_QUARANTINE_PREFIX)
                for name in names
                if name.startswith(_QUARANTINE_PREFIX)
            }
        )
        return removed + await self.remove([name for name in names if not name.startswith(".")])

    async def _empty_quarantine(
        self, sha256s: Collection[str], besides: str | None = None
    ) -> SweepResult:
        """Restore the quarantined files that have a row again, and delete the others."""
        referenced = await self._referenced(sha256s, besides)

        def restore_or_delete(sha256: str) -> SweepResult:
            file = self._quarantined(sha256)
            if sha256 not in referenced:
                return _unlink(file)
            with contextlib.suppress(FileNotFoundError):
                file.rename(self._path(sha256))
            return SweepResult()

        return await self._in_thread(lambda: _sum(map(restore_or_delete, sha256s)))

    async def _referenced(self, sha256s: Collection[str], besides: str | None) -> set[str]:
        if not sha256s:
            return set()
        found = select(blobs.c.sha256).where(blobs.c.sha256.in_(sha256s))
        if besides is not None:
            found = found.where(blobs.c.tenant_id != besides)
        async with self._database.read() as connection:
            return set(await connection.scalars(found))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error

    def _quarantine(self, sha256: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(sha256).rename(self._quarantined(sha256))

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _quarantined(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{_QUARANTINE_PREFIX}{sha256}"

    def _read(self, sha256: str) -> bytes:
        for path in (self._path(sha256), self._quarantined(sha256)):
            with contextlib.suppress(FileNotFoundError):
                return path.read_bytes()
        return self._path(sha256).read_bytes()  # restored between the two attempts, or gone

    def _probe(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as probe:
            probe.write(b"probe")
            probe.flush()
        return shutil.disk_usage(self._folder).free

    def _write(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMP_PREFIX)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return sha256


def _sum(results: Iterable[SweepResult]) -> SweepResult:
    return sum(results, SweepResult())


def _unlink(file: Path, before: float = float("inf")) -> SweepResult:
    """Delete the file if its last modification was before that time, in seconds of the epoch."""
    try:
        status = file.stat()
        if status.st_mtime >= before:
            return SweepResult()
        file.unlink()
    except FileNotFoundError:
        return SweepResult()
    return SweepResult(1, status.st_size)
