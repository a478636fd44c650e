"""How the jobs of the last day ended: columns in memory, kept up to date by reading what is new.

An operator's page asks every few seconds. A day of a busy service is too much to read each time,
and rows that have ended hardly change; so each look reads the last minute again, and no more.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, select

from jobs.queue.job import FINAL, JobStatus
from jobs.storage.database import Database
from jobs.storage.schema import jobs

#: Read again at each look: a row may commit later than one that ended after it.
_OVERLAP = timedelta(minutes=1)
_STATES: Sequence[JobStatus] = sorted(FINAL)


@dataclass(frozen=True, kw_only=True)
class Ended:
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

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Ended":
        """Those that are chosen, by a mask."""
        return Ended(
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

    def __add__(self, other: "Ended") -> "Ended":
        return Ended(
            finished=np.concatenate([self.finished, other.finished]),
            latency=np.concatenate([self.latency, other.latency]),
            wait=np.concatenate([self.wait, other.wait]),
            feature=np.concatenate([self.feature, other.feature]),
            status=np.concatenate([self.status, other.status]),
        )

    def __len__(self) -> int:
        return len(self.finished)


class RecentlyEnded:
    """The jobs that ended within the last day."""

    SPAN = timedelta(days=1)

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._known = Ended.of([])
        self._read_to: datetime | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> Ended:
        """As of now. Raises DatabaseUnavailable."""
        async with self._looking:
            now = self._clock()
            start = now - self.SPAN
            since = start if self._read_to is None else max(start, self._read_to - _OVERLAP)
            async with self._database.read() as connection:
                found = await connection.execute(
                    select(
                        jobs.c.feature,
                        jobs.c.status,
                        jobs.c.created_at,
                        jobs.c.started_at,
                        jobs.c.finished_at,
                    ).where(jobs.c.finished_at.is_not(None), jobs.c.finished_at > since)
                )
                rows: Sequence[Row[*tuple[Any, ...]]] = found.all()
            finished = self._known.finished
            kept = (finished > start.timestamp()) & (finished <= since.timestamp())
            self._known = self._known.where(kept) + Ended.of(rows)
            self._read_to = now
            return self._known
