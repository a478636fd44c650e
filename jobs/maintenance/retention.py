"""Retention: what is older than its time goes, in small batches, by one process at a time.

Each batch is a transaction that also counts what it took, so a pruning that was cut short goes on
where it was, under whoever holds the lease then, and anybody can read how far it is.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    delete,
    exists,
    insert,
    select,
    tuple_,
    update,
)

from jobs.queue.job import FINAL
from jobs.queue.queue import utc_now
from jobs.storage import schema
from jobs.storage.batch_delete import delete_batch
from jobs.storage.blobs import SHARDS, BlobStore, SweepResult
from jobs.storage.database import Database
from jobs.storage.leases import Lease
from jobs.storage.schema import artifacts, blobs, feedback, prunings
from sidecar.core.errors import DatabaseUnavailable, StorageUnavailable
from sidecar.core.ids import new_id
from sidecar.core.settings import Settings

log = logging.getLogger(__name__)

Key = tuple[str, str]  # tenant and SHA-256

#: Between a blob's row and the job that names it lies a moment; nothing so young is an orphan.
GRACE = timedelta(hours=1)
#: Longer than any one batch takes.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class RetentionRun:
    """One round of retention, under way or finished."""

    id: str
    horizon: datetime  # what ended before it goes
    started_at: datetime
    finished_at: datetime | None
    jobs: int
    artifacts: int
    feedback: int
    blobs: int  # rows: a tenant's claim to a file
    files: int
    freed_bytes: int  # on the disk, of files and of the SQLite file


async def last_retention_run(database: Database) -> RetentionRun | None:
    """The newest one; None when there has been none."""
    async with database.read() as connection:
        row = (
            await connection.execute(select(prunings).order_by(prunings.c.id.desc()).limit(1))
        ).one_or_none()
    return RetentionRun(**row._mapping) if row is not None else None


class RetentionService:
    """Prunes one database and its blobs whenever it is time."""

    def __init__(
        self,
        database: Database,
        blob_store: BlobStore,
        *,
        holder: str,
        keep: timedelta,
        every: timedelta,
        batch: int = 500,
        pause_s: float = 0.02,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`keep` is how long things are kept, `every` the time from one pruning's start to the
        next's, `batch` the rows of one transaction, `pause_s` the room that is left between two.
        """
        self._database = database
        self._blobs = blob_store
        self._lease = Lease(database, "retention", holder=holder, length=LEASE, clock=clock)
        self._keep = keep
        self._every = every
        self._batch = batch
        self._pause_s = pause_s
        self._clock = clock

    @classmethod
    def configured(
        cls, database: Database, blob_store: BlobStore, settings: Settings, *, holder: str
    ) -> "RetentionService":
        """With the service's settings and the real clock."""
        return cls(
            database,
            blob_store,
            holder=holder,
            keep=timedelta(days=settings.retention.days),
            every=timedelta(seconds=settings.retention.interval_s),
        )

    async def run(self) -> None:
        """Prunes whenever it is due, until it is cancelled."""
        while True:
            try:
                await self.prune_if_due()
            except (DatabaseUnavailable, StorageUnavailable):
                log.warning("the pruning waits for the database and the disk")
            except Exception:
                # The jobs must go on, and the next round goes on where this one was.
                log.exception("the pruning broke off")
            await asyncio.sleep(min(60.0, self._every.total_seconds()))

    async def last_run(self) -> RetentionRun | None:
        """Return the newest run, in progress or finished; None when there has been none."""
        return await last_retention_run(self._database)

    async def prune_if_due(self) -> RetentionRun | None:
        """The pruning that was finished; None when none is due or another process does it."""
        last = await last_retention_run(self._database)
        now = self._clock()
        if (
            last is not None
            and last.finished_at is not None
            and now < last.started_at + self._every
        ):
            return None
        if not await self._lease.hold():
            return None
        if last is None or last.finished_at is not None:
            last = await self._begin(now)
        try:
            return await self._prune(last)
        finally:
            await self._lease.release()

    async def _begin(self, now: datetime) -> RetentionRun:
        pruning = RetentionRun(
            id=new_id("prn_", now),
            horizon=now - self._keep,
            started_at=now,
            finished_at=None,
            jobs=0,
            artifacts=0,
            feedback=0,
            blobs=0,
            files=0,
            freed_bytes=0,
        )

        def work(connection: Connection) -> None:
            # They too are kept for so long and no longer.
            connection.execute(delete(prunings).where(prunings.c.started_at < pruning.horizon))
            connection.execute(insert(prunings).values(vars(pruning)))

        await self._database.write(work)
        return pruning

    async def _prune(self, pruning: RetentionRun) -> RetentionRun | None:
        async for _ in self._batches(pruning):
            await asyncio.sleep(self._pause_s)
            if not await self._lease.hold():
                return None  # this process stood still for minutes, and another goes on
        await self._database.checkpoint()
        await self._database.write(
            lambda connection: _add(connection, pruning, finished_at=self._clock())
        )
        done = await last_retention_run(self._database)
        log.info("pruned", extra={"pruning": done})
        return done

    async def _batches(self, pruning: RetentionRun) -> AsyncIterator[None]:
        """Does one batch after the other."""
        for prune in (_prune_jobs, _prune_artifacts, _prune_feedback):
            while await self._database.write(partial(prune, pruning, self._batch)):
                yield
        after: Key | None = ("", "")
        while after is not None:
            after = await self._prune_blobs(pruning, after)
            yield
        for shard in range(SHARDS):
            swept = await self._blobs.sweep(shard)
            if swept.files:
                await self._freed(pruning, swept)
                yield
        while freed := await self._database.incremental_vacuum(pages=500):
            await self._freed(pruning, SweepResult(0, freed))
            yield

    async def _prune_blobs(self, pruning: RetentionRun, after: Key) -> Key | None:
        """A look at the next rows that nothing names, and their end; the last one looked at."""
        unused = and_(
            blobs.c.created_at < self._clock() - GRACE,
            ~exists().where(
                schema.jobs.c.image_sha256 == blobs.c.sha256,
                schema.jobs.c.tenant_id == blobs.c.tenant_id,
            ),
            ~exists().where(
                artifacts.c.image_sha256 == blobs.c.sha256,
                artifacts.c.tenant_id == blobs.c.tenant_id,
            ),
        )
        key = tuple_(blobs.c.tenant_id, blobs.c.sha256)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(blobs.c.tenant_id, blobs.c.sha256)
                .where(key > after, unused)
                .order_by(blobs.c.tenant_id, blobs.c.sha256)
                .limit(self._batch)
            )
            found = [(row.tenant_id, row.sha256) for row in rows]
        if not found:
            return None

        def work(connection: Connection) -> None:
            # Asked again: one of them may have come into use since.
            gone = connection.execute(delete(blobs).where(key.in_(found), unused))
            _add(connection, pruning, blobs=gone.rowcount)

        await self._database.write(work)
        return found[-1]

    async def _freed(self, pruning: RetentionRun, swept: SweepResult) -> None:
        await self._database.write(
            lambda connection: _add(connection, pruning, files=swept.files, freed_bytes=swept.size)
        )


def _prune_jobs(pruning: RetentionRun, batch: int, connection: Connection) -> int:
    """Ended jobs with their attempts, events, calls and artifacts; never one that isn't ended."""
    old = and_(
        schema.jobs.c.id < new_id("job_", pruning.horizon, _zeros),
        schema.jobs.c.status.in_(FINAL),
        schema.jobs.c.finished_at < pruning.horizon,
    )
    gone = [row.id for row in delete_batch(connection, schema.jobs, old, most=batch)]
    results = connection.execute(delete(artifacts).where(artifacts.c.job_id.in_(gone)))
    _add(connection, pruning, jobs=len(gone), artifacts=results.rowcount)
    return len(gone)


def _prune_artifacts(pruning: RetentionRun, batch: int, connection: Connection) -> int:
    """What was answered at once, and the failures of jobs that go on."""
    old = artifacts.c.id < new_id("art_", pruning.horizon, _zeros)
    gone = len(delete_batch(connection, artifacts, old, most=batch))
    _add(connection, pruning, artifacts=gone)
    return gone


def _prune_feedback(pruning: RetentionRun, batch: int, connection: Connection) -> int:
    old = feedback.c.id < new_id("fb_", pruning.horizon, _zeros)
    gone = len(delete_batch(connection, feedback, old, most=batch))
    _add(connection, pruning, feedback=gone)
    return gone


def _add(connection: Connection, pruning: RetentionRun, **values: Any) -> None:
    """Adds to the counts; a time is set."""
    connection.execute(
        update(prunings)
        .where(prunings.c.id == pruning.id)
        .values(
            {
                name: prunings.c[name] + value if isinstance(value, int) else value
                for name, value in values.items()
            }
        )
    )


def _zeros(_bits: int) -> int:
    """In place of chance: the least of all ids of a moment."""
    return 0
