"""Erasing a tenant: all that is kept of it, at once."""

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
from jobs.storage.schema import (
    artifacts,
    blobs,
    correction_versions,
    corrections,
    feedback,
    jobs,
)

log = logging.getLogger(__name__)

#: Rows of one transaction.
_BATCH = 500
#: A file so large is written anew in two or three seconds; other writes wait for ten.
_REWRITTEN_BYTES = 256 * 2**20
#: Between looks whether readers are out of the way: some seconds in all.
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 2.0)

#: What has a tenant, those first that others hang on; attempts, events and calls go with their job.
_TABLES = (jobs, artifacts, feedback, corrections, correction_versions, blobs)


class TenantEraser:
    """Erases tenants from one database and its blobs."""

    def __init__(
        self, database: Database, blob_store: BlobStore, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._blobs = blob_store
        self._clock = clock

    async def erase(self, tenant_id: str) -> Mapping[str, int]:
        """Removes everything of the tenant; how many rows of each table there were.

        What runs is cancelled first, so that its runner kills it and no result comes after. Files
        go unless another tenant has sent the same bytes. What the tenant submits meanwhile may
        stay; asked again, it goes too. Raises DatabaseUnavailable and StorageUnavailable.
        """
        while await self._database.write(lambda connection: self._cancel(connection, tenant_id)):
            pass
        files = await self._files(tenant_id)
        erased = {table.name: await self._delete(table, tenant_id) for table in _TABLES}
        await self._blobs.remove(files)
        if not await self._database.vacuum(up_to=_REWRITTEN_BYTES):
            while await self._database.incremental_vacuum(pages=500):
                pass
        await self._empty_log()
        return erased

    async def _empty_log(self) -> None:
        """What was erased is in SQLite's log as it was, until that is emptied."""
        for pause_s in _PAUSES_S:
            if await self._database.checkpoint():
                return
            await asyncio.sleep(pause_s)
        log.warning("a reader keeps what was erased in the log, until the next pruning empties it")

    def _cancel(self, connection: Connection, tenant_id: str) -> int:
        now = self._clock()
        some = (
            select(jobs.c.id)
            .where(
                jobs.c.tenant_id == tenant_id,
                jobs.c.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
            )
            .limit(_BATCH)
        )
        cancelled = transition_many(
            connection,
            jobs.c.id.in_(some),
            JobStatus.CANCELLED,
            now,
            finished_at=now,
            callback_url=None,  # nobody is called about what is gone
            **CLEARED_CLAIM,
        )
        return len(cancelled)

    async def _files(self, tenant_id: str) -> set[str]:
        async with self._database.read() as connection:
            return set(
                await connection.scalars(
                    select(blobs.c.sha256).where(blobs.c.tenant_id == tenant_id)
                )
            )

    async def _delete(self, table: Table, tenant_id: str) -> int:
        def work(connection: Connection) -> int:
            of_tenant = table.c.tenant_id == tenant_id
            return len(delete_batch(connection, table, of_tenant, most=_BATCH))

        total = 0
        while count := await self._database.write(work):
            total += count
        return total
