"""Blobs: files named by their SHA-256, below one folder, with their metadata in the database.

A blob is durable before its row is: temporary file, fsync, rename, fsync of the folder. The row
says which tenant may see it; the same bytes sent by two tenants are one file and two rows.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
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
    """What is known of the bytes."""

    sha256: str
    media_type: str
    size: int  # bytes


@dataclass(frozen=True)
class SweepResult:
    """What was removed from the disk."""

    files: int = 0
    size: int = 0  # bytes

    def __add__(self, other: "SweepResult") -> "SweepResult":
        return SweepResult(self.files + other.files, self.size + other.size)


#: Folders that the files are spread over, by their first byte.
SHARDS = 256
#: After this a file that was not finished never will be.
CRASHED_AFTER = timedelta(hours=1)

_NEW = ".new-"
_ASIDE = ".aside-"

T = TypeVar("T")


class BlobStore:
    """The blobs of one service."""

    def __init__(self, folder: Path, database: Database, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._database = database
        self._clock = clock

    async def put(self, tenant_id: str, data: bytes, media_type: str) -> Blob:
        """Durable when it returns. Raises StorageUnavailable or DatabaseUnavailable."""
        sha256 = await self._in_thread(lambda: self._write(data))
        blob = Blob(sha256=sha256, media_type=media_type, size=len(data))
        row = {"tenant_id": tenant_id, "created_at": self._clock(), **asdict(blob)}

        def work(connection: Connection) -> None:
            # Seen anew, it is kept for the whole retention period from now.
            statement = self._database.insert(blobs).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["tenant_id", "sha256"],
                    set_={"created_at": statement.excluded.created_at},
                )
            )

        await self._database.write(work)
        # The file was there before its row was: whoever removes what no row names may have taken
        # it in between.
        await self._in_thread(lambda: self._write(data))
        return blob

    async def get(self, tenant_id: str, sha256: str) -> tuple[Blob, bytes]:
        """The metadata and the bytes. Raises NotFound when this tenant has no such blob."""
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(blobs.c.sha256, blobs.c.media_type, blobs.c.size).where(
                        blobs.c.tenant_id == tenant_id, blobs.c.sha256 == sha256
                    )
                )
            ).one_or_none()
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
        """Room on the disk. Raises StorageUnavailable when nothing can be written."""
        return await self._in_thread(self._probe)

    async def remove(self, sha256s: Collection[str]) -> SweepResult:
        """Removes the files of those blobs that no tenant has (any more).

        A file is put aside, its rows are looked up once more, and then it is removed or put back:
        a row that appears meanwhile gets it back, or was written by a `put` that looks after its
        file. Raises StorageUnavailable and DatabaseUnavailable.
        """
        swept = SweepResult()
        waiting = iter(sha256s)
        while some := set(islice(waiting, 500)):
            loose = some - await self._named(some)
            await asyncio.gather(*(self._in_thread(partial(self._put_aside, one)) for one in loose))
            swept += await self._settle(loose)
        return swept

    async def sweep(self, shard: int) -> SweepResult:
        """Removes what no row names from one of the SHARDS folders: blobs whose last row is gone,
        and what a crash left. Raises StorageUnavailable and DatabaseUnavailable.
        """
        folder = self._folder / f"{shard:02x}"
        names = [file.name for file in await self._in_thread(lambda: list(folder.glob("*")))]
        before = (self._clock() - CRASHED_AFTER).timestamp()
        crashed = [folder / name for name in names if name.startswith(_NEW)]
        swept = await self._in_thread(
            lambda: sum((_unlink(file, before) for file in crashed), SweepResult())
        )
        swept += await self._settle(
            {name.removeprefix(_ASIDE) for name in names if name.startswith(_ASIDE)}
        )
        return swept + await self.remove([name for name in names if not name.startswith(".")])

    async def _settle(self, aside: Collection[str]) -> SweepResult:
        named = await self._named(aside)
        return await self._in_thread(
            lambda: sum(
                (self._put_back_or_remove(one, one in named) for one in aside), SweepResult()
            )
        )

    async def _named(self, sha256s: Collection[str]) -> set[str]:
        """Those of the blobs that some tenant has."""
        if not sha256s:
            return set()
        async with self._database.read() as connection:
            return set(
                await connection.scalars(select(blobs.c.sha256).where(blobs.c.sha256.in_(sha256s)))
            )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error

    def _put_aside(self, sha256: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(sha256).rename(self._aside(sha256))

    def _put_back_or_remove(self, sha256: str, named: bool) -> SweepResult:
        aside = self._aside(sha256)
        if not named:
            return _unlink(aside)
        with contextlib.suppress(FileNotFoundError):
            aside.rename(self._path(sha256))
        return SweepResult()

    def _aside(self, sha256: str) -> Path:
        path = self._path(sha256)
        return path.with_name(_ASIDE + path.name)

    def _read(self, sha256: str) -> bytes:
        for path in (self._path(sha256), self._aside(sha256)):
            with contextlib.suppress(FileNotFoundError):
                return path.read_bytes()
        return self._path(sha256).read_bytes()  # put back between the two looks, or gone

    def _probe(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as probe:
            probe.write(b"probe")
            probe.flush()
        return shutil.disk_usage(self._folder).free

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _write(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_NEW)
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


def _unlink(file: Path, before: float = float("inf")) -> SweepResult:
    """Removes a file that was last written before that moment, in seconds of the epoch."""
    try:
        status = file.stat()
        if status.st_mtime >= before:
            return SweepResult()
        file.unlink()
    except FileNotFoundError:
        return SweepResult()
    return SweepResult(1, status.st_size)
