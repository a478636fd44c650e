"""How many jobs waited and ran over time, from when each was submitted, started and ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.dashboard.job_history import FinishedJobs

_Times = npt.NDArray[np.float64]  # POSIX seconds


def mean_counts(start: _Times, end: _Times, edges: _Times) -> _Times:
    """Return how many of the intervals contain a moment, on average over each bucket.

    `start` and `end` have a value for each interval, `edges` one more than there are buckets.
    """
    covered = _elapsed(start, edges) - _elapsed(end, edges)
    counts: _Times = np.maximum(np.diff(covered) / np.diff(edges), 0.0)
    return counts


def _elapsed(since: _Times, edges: _Times) -> _Times:
    """Return the sum of the times from each of `since` to each edge, where it is before it."""
    ordered = np.sort(since) - edges[0]  # small numbers, whose sums are exact enough
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    at = edges - edges[0]
    before = np.searchsorted(ordered, at)
    elapsed: _Times = before * at - sums[before]
    return elapsed


def waiting_and_running(
    finished: FinishedJobs,
    unfinished: Sequence[tuple[Any, ...]],
    edges: _Times,
    now: datetime,
) -> tuple[_Times, _Times]:
    """Return the mean numbers of jobs that waited and that ran in each bucket.

    `unfinished` has rows of created_at and started_at, None for a job that waits.
    """
    at = now.timestamp()
    created = finished.finished - finished.latency
    started = np.where(np.isnan(finished.wait), finished.finished, created + finished.wait)
    created_now = np.array([row[0].timestamp() for row in unfinished], dtype=np.float64)
    started_now = np.array(
        [row[1].timestamp() if row[1] else at for row in unfinished], dtype=np.float64
    )
    ended = np.concatenate([finished.finished, np.full(len(unfinished), at)])
    created = np.concatenate([created, created_now])
    started = np.minimum(np.concatenate([started, started_now]), ended)
    return mean_counts(created, started, edges), mean_counts(started, ended, edges)
