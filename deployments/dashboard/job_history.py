"""A rolling window over the finished jobs of the last day, as columns in memory.

The overview asks every few seconds. A day of a busy service is too much to read each time, and
finished rows hardly change; so each refresh reads only what is new, and the last minute again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row

from jobs.queue.admin_queries import AdminQueries
from jobs.queue.job import FINAL, JobStatus

#: Read again at each refresh: a row may commit later than one that finished after it.
_OVERLAP = timedelta(minutes=1)
_STATES: Sequence[JobStatus] = sorted(FINAL)


@dataclass(frozen=True, kw_only=True)
class FinishedJobs:
    """Jobs that have ended, one an element of each array."""

    finished: npt.NDArray[np.float64]  # POSIX seconds
    latency: npt.NDArray[np.float32]  # seconds from the submission to the end
    wait: npt.NDArray[np.float32]  # seconds from the submission to the first attempt; NaN: none
    feature: npt.NDArray[np.str_]
    status: npt.NDArray[np.int8]  # index into STATES

    STATES = _STATES

    @classmethod
    def of(cls, rows: Sequence[Row[*tuple[Any, ...]]]) -> Self:
        """From rows of feature, status, created_at, started_at and finished_at."""
        finished = np.array([row[4].timestamp() for row in rows], dtype=np.float64)
        created = np.array([row[2].timestamp() for row in rows], dtype=np.float64)
        started = np.array(
            [row[3].timestamp() if row[3] else np.nan for row in rows], dtype=np.float64
        )
        return cls(
            finished=finished,
            latency=(finished - created).astype(np.float32),
            wait=(started - created).astype(np.float32),
            feature=np.array([row[0] for row in rows], dtype=np.str_),
            status=np.array([_STATES.index(row[1]) for row in rows], dtype=np.int8),
        )

    def where(self, chosen: npt.NDArray[np.bool_]) -> "FinishedJobs":
        """Those that are chosen, by a mask."""
        return FinishedJobs(
            finished=self.finished[chosen],
            latency=self.latency[chosen],
            wait=self.wait[chosen],
            feature=self.feature[chosen],
            status=self.status[chosen],
        )

    def was(self, status: JobStatus) -> npt.NDArray[np.bool_]:
        """The mask of those that ended so."""
        chosen: npt.NDArray[np.bool_] = self.status == _STATES.index(status)
        return chosen

    def __add__(self, other: "FinishedJobs") -> "FinishedJobs":
        return FinishedJobs(
            finished=np.concatenate([self.finished, other.finished]),
            latency=np.concatenate([self.latency, other.latency]),
            wait=np.concatenate([self.wait, other.wait]),
            feature=np.concatenate([self.feature, other.feature]),
            status=np.concatenate([self.status, other.status]),
        )

    def __len__(self) -> int:
        return len(self.finished)


class FinishedJobsWindow:
    """The jobs that finished within the last day."""

    SPAN = timedelta(days=1)

    def __init__(self, queries: AdminQueries, clock: Callable[[], datetime]) -> None:
        self._queries = queries
        self._clock = clock
        self._jobs = FinishedJobs.of([])
        self._read_to: datetime | None = None
        self._refreshing = asyncio.Lock()

    async def refresh(self) -> FinishedJobs:
        """Return the window as of now. Raises DatabaseUnavailable."""
        async with self._refreshing:
            now = self._clock()
            start = now - self.SPAN
            since = start if self._read_to is None else max(start, self._read_to - _OVERLAP)
            rows = await self._queries.finished_since(since)
            finished = self._jobs.finished
            cached = (finished > start.timestamp()) & (finished <= since.timestamp())
            self._jobs = self._jobs.where(cached) + FinishedJobs.of(rows)
            self._read_to = now
            return self._jobs
