"""Waiting for changes of jobs, with one query at a time for all waiters of this process."""

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
    last: JobSnapshot | None
    change: asyncio.Future[JobSnapshot | None]


class JobWatcher:
    """Polls the queue only while there are waiters; for one event loop."""

    def __init__(self, queue: JobQueue, *, poll_s: float) -> None:
        self._queue = queue
        self._poll_s = poll_s
        self._waiters: set[_Waiter] = set()
        self._polling: asyncio.Task[None] | None = None

    async def wait_for_change(self, job_id: str, last: JobSnapshot | None) -> JobSnapshot | None:
        """Return the job's snapshot once it differs from `last`, None when the job is gone."""
        waiter = _Waiter(job_id, last, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            return await waiter.change
        finally:
            self._waiters.discard(waiter)

    async def wait_until_finished(self, job_id: str) -> None:
        """Return once the job has finished or is gone."""
        snapshot = await self.wait_for_change(job_id, None)
        while snapshot is not None and snapshot.status not in FINAL:
            snapshot = await self.wait_for_change(job_id, snapshot)

    async def _poll(self) -> None:
        while self._waiters:
            try:
                snapshots = await self._queue.snapshots({waiter.job_id for waiter in self._waiters})
            except DatabaseUnavailable:
                log.warning("the database does not answer; still waiting")
            else:
                for waiter in self._waiters:
                    # A waiter that came while the query ran is looked up by the next one.
                    snapshot = snapshots.get(waiter.job_id, waiter.last)
                    if snapshot != waiter.last and not waiter.change.done():
                        waiter.change.set_result(snapshot)
            await asyncio.sleep(self._poll_s)
