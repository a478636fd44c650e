"""Blobs: files named by their SHA-256, below one folder, with their metadata in the database.

A blob is durable before its row is: temporary file, fsync, rename, fsync of the folder. The row
says which tenant may see it; the same bytes sent by two tenants are one file and two rows.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import NotFound, StorageUnavailable
from jobs.database import Database
from jobs.tables import blobs


@dataclass(frozen=True, kw_only=True)
class Blob:
    """What is known of the bytes."""

    sha256: str
    media_type: str
    size: int  # bytes


class BlobStore:
    """The blobs of one service."""

    def __init__(self, folder: Path, database: Database, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._database = database
        self._clock = clock

    async def put(self, tenant_id: str, data: bytes, media_type: str) -> Blob:
        """Durable when it returns. Raises StorageUnavailable or DatabaseUnavailable."""
        try:
            sha256 = await asyncio.to_thread(self._write, data)
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error
        blob = Blob(sha256=sha256, media_type=media_type, size=len(data))
        row = {"tenant_id": tenant_id, "created_at": self._clock(), **asdict(blob)}

        async def work(connection: AsyncConnection) -> None:
            # Seen anew, it is kept for the whole retention period from now.
            statement = self._database.insert(blobs).values(row)
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["tenant_id", "sha256"],
                    set_={"created_at": statement.excluded.created_at},
                )
            )

        await self._database.write(work)
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
            data = await asyncio.to_thread(self._path(row.sha256).read_bytes)
        except FileNotFoundError as error:
            raise NotFound("The image is no longer kept.") from error
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error
        return Blob(**row._mapping), data

    async def free_bytes(self) -> int:
        """Room on the disk. Raises StorageUnavailable when nothing can be written."""
        try:
            return await asyncio.to_thread(self._probe)
        except OSError as error:
            raise StorageUnavailable(retry_after_s=10) from error

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
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
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
