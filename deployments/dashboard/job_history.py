"""A rolling window of the last day's finished jobs, as columns in memory.

The overview refreshes every few seconds, and a day of a busy service is too much to read each time.
Finished rows hardly change, so a refresh reads only the new ones and those of the last minute.
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

#: Read again at each refresh, because a row may commit later than one that finished after it.
_OVERLAP = timedelta(minutes=1)
#: The states of finished jobs, which their columns name by number.
STATES: Sequence[JobStatus] = sorted(FINAL)


@dataclass(frozen=True, kw_only=True)
class FinishedJobs:
    """Finished jobs as columns, one element per job."""

    finished: npt.NDArray[np.float64]  # POSIX seconds
    latency: npt.NDArray[np.float32]  # seconds from the submission to the end
    wait: npt.NDArray[np.float32]  # seconds from the submission to the first attempt; NaN: none
    feature: npt.NDArray[np.str_]
    status: npt.NDArray[np.int8]  # index into STATES

    @classmethod
    def of(cls, rows: Sequence[Row[*tuple[Any, ...]]]) -> Self:
        """Build the columns from rows of feature, status, created_at, started_at, finished_at."""
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
            status=np.array([STATES.index(row[1]) for row in rows], dtype=np.int8),
        )

    def where(self, mask: npt.NDArray[np.bool_]) -> "FinishedJobs":
        """Return the jobs that the mask selects."""
        return FinishedJobs(**{name: column[mask] for name, column in vars(self).items()})

    def has(self, status: JobStatus) -> npt.NDArray[np.bool_]:
        """Return the mask of the jobs with that status."""
        mask: npt.NDArray[np.bool_] = self.status == STATES.index(status)
        return mask

    def __add__(self, other: "FinishedJobs") -> "FinishedJobs":
        pairs = zip(vars(self).items(), vars(other).values(), strict=True)
        return FinishedJobs(**{name: np.concatenate([a, b]) for (name, a), b in pairs})

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
        """Return the current window. Raises DatabaseUnavailable."""
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
