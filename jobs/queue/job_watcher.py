"""Waiting for jobs to change: one query at a time for all that wait in this process."""

import asyncio
import logging
from dataclasses import dataclass

from jobs.queue.job import FINAL
from jobs.queue.queue import JobQueue, JobSnapshot
from sidecar.core.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Waiter:
    job_id: str
    seen: JobSnapshot | None
    change: asyncio.Future[JobSnapshot | None]


class JobWatcher:
    """Polls the queue while anything waits, and not otherwise; for one event loop."""

    def __init__(self, queue: JobQueue, *, poll_s: float) -> None:
        self._queue = queue
        self._poll_s = poll_s
        self._waiters: set[_Waiter] = set()
        self._polling: asyncio.Task[None] | None = None

    async def changed(self, job_id: str, seen: JobSnapshot | None) -> JobSnapshot | None:
        """Return the job's snapshot once it differs from `seen`; None when the job is gone."""
        waiter = _Waiter(job_id, seen, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            return await waiter.change
        finally:
            self._waiters.discard(waiter)

    async def ended(self, job_id: str) -> None:
        """Return once the job has ended or is gone."""
        snapshot = await self.changed(job_id, None)
        while snapshot is not None and snapshot.status not in FINAL:
            snapshot = await self.changed(job_id, snapshot)

    async def _poll(self) -> None:
        while self._waiters:
            try:
                snapshots = await self._queue.snapshots({waiter.job_id for waiter in self._waiters})
            except DatabaseUnavailable:
                log.warning("the database does not answer; still waiting")
            else:
                for waiter in self._waiters:
                    # A waiter that came while the query ran is looked up by the next one.
                    snapshot = snapshots.get(waiter.job_id, waiter.seen)
                    if snapshot != waiter.seen and not waiter.change.done():
                        waiter.change.set_result(snapshot)
            await asyncio.sleep(self._poll_s)
