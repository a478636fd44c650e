"""Retention: deletes expired data in small batches, in one process at a time.

Each batch is a transaction that also updates the run's counts. So the next holder of the lease can
continue an interrupted run, and its progress can be read at any time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, insert, select, tuple_, update

from jobs.queue.job import FINAL
from jobs.queue.queue import utc_now
from jobs.storage import schema
from jobs.storage.batch_delete import delete_batch
from jobs.storage.blobs import SHARD_COUNT, BlobStore
from jobs.storage.database import Database
from jobs.storage.leader_election import LeaderLease
from jobs.storage.schema import artifacts, blobs, feedback, prunings
from sidecar.core.errors import DatabaseUnavailable, StorageUnavailable
from sidecar.core.ids import id_lower_bound, new_id
from sidecar.core.settings import Settings

log = logging.getLogger(__name__)

BlobKey = tuple[str, str]  # tenant and SHA-256

#: A blob's row is inserted shortly before its job's; a younger blob is no orphan.
GRACE_PERIOD = timedelta(hours=1)
#: Longer than any batch takes.
LEASE_DURATION = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class RetentionRun:
    """One run of retention, in progress or finished, with its counts of deletions."""

    id: str
    horizon: datetime  # what ended before it expires
    started_at: datetime
    finished_at: datetime | None = None
    jobs: int = 0
    artifacts: int = 0
    feedback: int = 0
    blobs: int = 0  # rows, one per tenant and file
    files: int = 0
    freed_bytes: int = 0  # on the disk, of blobs and of the SQLite file


async def last_retention_run(database: Database) -> RetentionRun | None:
    """Return the newest run, in progress or finished; None before the first."""
    async with database.read() as connection:
        rows = await connection.execute(select(prunings).order_by(prunings.c.id.desc()).limit(1))
        row = rows.one_or_none()
    return RetentionRun(**row._mapping) if row is not None else None


class RetentionService:
    """Starts or continues retention runs on one database and its blobs."""

    def __init__(
        self,
        database: Database,
        blob_store: BlobStore,
        *,
        holder: str,
        retention: timedelta,
        interval: timedelta,
        batch_size: int = 500,
        pause_s: float = 0.02,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Create the service.

        `retention` is how long data is kept, `interval` the time from the start of one run to the
        start of the next, `batch_size` the rows per transaction, and `pause_s` the pause between
        two transactions.
        """
        self._database = database
        self._blobs = blob_store
        self._lease = LeaderLease(
            database, "retention", holder=holder, length=LEASE_DURATION, clock=clock
        )
        self._retention = retention
        self._interval = interval
        self._batch_size = batch_size
        self._pause_s = pause_s
        self._clock = clock

    @classmethod
    def configured(
        cls, database: Database, blob_store: BlobStore, settings: Settings, *, holder: str
    ) -> "RetentionService":
        """Create the service from the settings, with the real clock."""
        return cls(
            database,
            blob_store,
            holder=holder,
            retention=timedelta(days=settings.retention.days),
            interval=timedelta(seconds=settings.retention.interval_s),
        )

    async def run(self) -> None:
        """Execute due retention runs until cancelled."""
        while True:
            try:
                await self.run_if_due()
            except (DatabaseUnavailable, StorageUnavailable):
                log.warning("retention is waiting for the database and the disk")
            except Exception:
                # Jobs must continue, and the next attempt continues this run.
                log.exception("retention run failed")
            await asyncio.sleep(min(60.0, self._interval.total_seconds()))

    async def last_run(self) -> RetentionRun | None:
        """Return the newest run, in progress or finished; None before the first."""
        return await last_retention_run(self._database)

    async def run_if_due(self) -> RetentionRun | None:
        """Start or continue a run and return it when it is finished.

        Returns None when no run is due or another process executes it.
        """
        run, now = await self.last_run(), self._clock()
        if run is not None and run.finished_at is not None:
            if now < run.started_at + self._interval:
                return None
            run = None
        if not await self._lease.acquire():
            return None
        if run is None:
            run = await self._begin(now)
        try:
            return await self._execute(run)
        finally:
            await self._lease.release()

    async def _begin(self, now: datetime) -> RetentionRun:
        run = RetentionRun(id=new_id("prn_", now), horizon=now - self._retention, started_at=now)

        def insert_run(connection: Connection) -> None:
            # The records of runs expire like all other data.
            connection.execute(delete(prunings).where(prunings.c.started_at < run.horizon))
            connection.execute(insert(prunings).values(vars(run)))

        await self._database.write(insert_run)
        return run

    async def _execute(self, run: RetentionRun) -> RetentionRun | None:
        async for _ in self._batches(run):
            await asyncio.sleep(self._pause_s)
            if not await self._lease.acquire():
                return None  # this process was suspended for minutes, and another one continues
        await self._database.checkpoint()
        await self._update(run, finished_at=self._clock())
        finished = await self.last_run()
        log.info("retention run finished", extra={"pruning": finished})
        return finished

    async def _batches(self, run: RetentionRun) -> AsyncIterator[None]:
        """Delete batch after batch, yielding after each."""
        for delete_expired in (
            _delete_jobs,
            # These artifacts have no finished job: immediate responses, and retried failures.
            partial(_delete_expired, artifacts, "art_"),
            partial(_delete_expired, feedback, "fb_"),
        ):
            while await self._database.write(partial(delete_expired, run, self._batch_size)):
                yield
        after: BlobKey | None = ("", "")
        while after is not None:
            after = await self._delete_blobs(run, after)
            yield
        for shard in range(SHARD_COUNT):
            swept = await self._blobs.sweep(shard)
            if swept.files:
                await self._update(run, files=swept.files, freed_bytes=swept.size)
                yield
        while freed := await self._database.incremental_vacuum(pages=500):
            await self._update(run, freed_bytes=freed)
            yield

    async def _delete_blobs(self, run: RetentionRun, after: BlobKey) -> BlobKey | None:
        """Delete the next batch of unreferenced rows after that key, and return its last key."""
        unreferenced = and_(
            blobs.c.created_at < self._clock() - GRACE_PERIOD,
            *(
                ~exists().where(
                    table.c.image_sha256 == blobs.c.sha256, table.c.tenant_id == blobs.c.tenant_id
                )
                for table in (schema.jobs, artifacts)
            ),
        )
        key = tuple_(blobs.c.tenant_id, blobs.c.sha256)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(blobs.c.tenant_id, blobs.c.sha256)
                .where(key > after, unreferenced)
                .order_by(blobs.c.tenant_id, blobs.c.sha256)
                .limit(self._batch_size)
            )
            batch = [(row.tenant_id, row.sha256) for row in rows]
        if not batch:
            return None

        def delete_rows(connection: Connection) -> None:
            # The condition is repeated because a blob may have been referenced since.
            deleted = connection.execute(delete(blobs).where(key.in_(batch), unreferenced))
            _update(run, connection, blobs=deleted.rowcount)

        await self._database.write(delete_rows)
        return batch[-1]

    async def _update(self, run: RetentionRun, **values: Any) -> None:
        await self._database.write(partial(_update, run, **values))


def _delete_jobs(run: RetentionRun, limit: int, connection: Connection) -> int:
    """Delete expired finished jobs with their attempts, events, webhooks and artifacts."""
    expired = and_(
        schema.jobs.c.id < id_lower_bound("job_", run.horizon),
        schema.jobs.c.status.in_(FINAL),
        schema.jobs.c.finished_at < run.horizon,
    )
    job_ids = [row.id for row in delete_batch(connection, schema.jobs, expired, limit=limit)]
    results = connection.execute(delete(artifacts).where(artifacts.c.job_id.in_(job_ids)))
    _update(run, connection, jobs=len(job_ids), artifacts=results.rowcount)
    return len(job_ids)


def _delete_expired(
    table: Table, id_prefix: str, run: RetentionRun, limit: int, connection: Connection
) -> int:
    expired = table.c.id < id_lower_bound(id_prefix, run.horizon)
    count = len(delete_batch(connection, table, expired, limit=limit))
    _update(run, connection, **{table.name: count})
    return count


def _update(run: RetentionRun, connection: Connection, **values: Any) -> None:
    """Add the numbers to the run's counts; set other values."""
    connection.execute(
        update(prunings)
        .where(prunings.c.id == run.id)
        .values(
            {
                name: prunings.c[name] + value if isinstance(value, int) else value
                for name, value in values.items()
            }
        )
    )
