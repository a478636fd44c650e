"""Waiting for jobs to end: one query at a time for all that wait in this process."""

import asyncio
import logging

from deployments.errors import DatabaseUnavailable
from jobs.queue import Queue

log = logging.getLogger(__name__)


class JobWatch:
    """Looks at the queue while somebody waits, and not otherwise."""

    def __init__(self, queue: Queue, *, poll_s: float) -> None:
        self._queue = queue
        self._poll_s = poll_s
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def ended(self, job_id: str) -> None:
        """Returns once the job has ended. One caller at a time waits for a job."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[job_id] = future
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            await future
        finally:
            self._waiting.pop(job_id, None)

    async def _look(self) -> None:
        while self._waiting:
            try:
                for job_id in await self._queue.ended(list(self._waiting)):
                    future = self._waiting.get(job_id)
                    if future is not None and not future.done():
                        future.set_result(None)
            except DatabaseUnavailable:
                log.warning("the database does not answer; still waiting")
            await asyncio.sleep(self._poll_s)
