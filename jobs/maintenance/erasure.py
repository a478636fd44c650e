"""Erasure of all data of a tenant."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Table, select

from jobs.queue.job import JobStatus
from jobs.queue.transitions import CLEARED_CLAIM, transition_many
from jobs.storage.batch_delete import delete_batch
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.schema import artifacts, blobs, correction_versions, corrections, feedback, jobs

log = logging.getLogger(__name__)

#: Rows per transaction.
_BATCH_SIZE = 500
#: Rewriting a file of this size takes two or three seconds; other writes time out after ten.
_MAX_VACUUM_BYTES = 256 * 2**20
#: Pauses between attempts to empty SQLite's log, in case a reader prevents it.
_CHECKPOINT_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 2.0)

#: Tables with a tenant, parents first; attempts, events and webhooks are deleted with their job.
#: The blobs' rows come last: where the files can't be removed, they tell the next call which.
_TABLES = (jobs, artifacts, feedback, corrections, correction_versions)


class TenantEraser:
    """Erases tenants from one database and its blobs."""

    def __init__(
        self, database: Database, blob_store: BlobStore, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._blobs = blob_store
        self._clock = clock

    async def erase(self, tenant_id: str) -> Mapping[str, int]:
        """Delete everything of the tenant and return the number of deleted rows by table.

        Running jobs are cancelled first, so that their worker kills them and no result follows. A
        file stays if another tenant has sent the same bytes. Data that the tenant submits meanwhile
        may remain; a second call erases it. Raises DatabaseUnavailable and StorageUnavailable.
        """
        while await self._database.write(lambda connection: self._cancel(connection, tenant_id)):
            pass
        files = await self._files(tenant_id)
        erased = {table.name: await self._delete(table, tenant_id) for table in _TABLES}
        await self._blobs.remove(files, besides=tenant_id)
        erased[blobs.name] = await self._delete(blobs, tenant_id)
        if not await self._database.vacuum(max_bytes=_MAX_VACUUM_BYTES):
            while await self._database.incremental_vacuum(pages=500):
                pass
        await self._empty_log()
        return erased

    async def _empty_log(self) -> None:
        """Empty SQLite's log, which still contains the erased data."""
        for pause_s in _CHECKPOINT_PAUSES_S:
            if await self._database.checkpoint():
                return
            await asyncio.sleep(pause_s)
        log.warning("a reader keeps erased data in the log until the next retention run empties it")

    def _cancel(self, connection: Connection, tenant_id: str) -> int:
        now = self._clock()
        batch = (
            select(jobs.c.id)
            .where(
                jobs.c.tenant_id == tenant_id,
                jobs.c.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
            )
            .limit(_BATCH_SIZE)
        )
        cancelled = transition_many(
            connection,
            jobs.c.id.in_(batch),
            JobStatus.CANCELLED,
            now,
            brief=True,
            finished_at=now,
            callback_url=None,  # no webhook about an erased job
            **CLEARED_CLAIM,
        )
        return len(cancelled)

    async def _files(self, tenant_id: str) -> set[str]:
        async with self._database.read() as connection:
            select_own = select(blobs.c.sha256).where(blobs.c.tenant_id == tenant_id)
            return set(await connection.scalars(select_own))

    async def _delete(self, table: Table, tenant_id: str) -> int:
        def delete_some(connection: Connection) -> int:
            where = table.c.tenant_id == tenant_id
            return len(delete_batch(connection, table, where, limit=_BATCH_SIZE))

        total = 0
        while count := await self._database.write(delete_some):
            total += count
        return total
