"""Waiting for jobs to change: one query at a time for all that wait in this process."""

import asyncio
import logging
from dataclasses import dataclass

from jobs.queue.job import FINAL
from jobs.queue.queue import Queue, Seen
from sidecar.core.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Waiting:
    job_id: str
    seen: Seen | None
    change: asyncio.Future[Seen | None]


class JobWatch:
    """Looks at the queue while somebody waits, and not otherwise."""

    def __init__(self, queue: Queue, *, poll_s: float) -> None:
        self._queue = queue
        self._poll_s = poll_s
        self._waiting: set[_Waiting] = set()
        self._looking: asyncio.Task[None] | None = None

    async def changed(self, job_id: str, seen: Seen | None) -> Seen | None:
        """How far the job is once that is not what was `seen` before; None when it is gone."""
        waiting = _Waiting(job_id, seen, asyncio.get_running_loop().create_future())
        self._waiting.add(waiting)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            return await waiting.change
        finally:
            self._waiting.discard(waiting)

    async def ended(self, job_id: str) -> None:
        """Returns once the job has ended or is gone."""
        seen = await self.changed(job_id, None)
        while seen is not None and seen.status not in FINAL:
            seen = await self.changed(job_id, seen)

    async def _look(self) -> None:
        while self._waiting:
            try:
                found = await self._queue.seen({waiting.job_id for waiting in self._waiting})
            except DatabaseUnavailable:
                log.warning("the database does not answer; still waiting")
            else:
                for waiting in self._waiting:
                    # Who came while the query ran is asked about in the next one.
                    now = found.get(waiting.job_id, waiting.seen)
                    if now != waiting.seen and not waiting.change.done():
                        waiting.change.set_result(now)
            await asyncio.sleep(self._poll_s)
