"""How many jobs waited and ran over time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.job_history import FinishedJobs
from deployments.dashboard.queue_load import mean_counts, waiting_and_running
from jobs.queue.job import JobStatus

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
EDGES = NOW.timestamp() + np.array([-30.0, -20.0, -10.0, 0.0])


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 100)), max_size=20),
    st.floats(0, 2e9),
)
def test_the_mean_number_is_the_covered_share(
    intervals: list[tuple[float, float]], origin: float
) -> None:
    edges = origin + np.array([0.0, 10.0, 25.0, 26.0])
    start = np.array([origin + begin for begin, _ in intervals])
    end = np.array([origin + begin + length for begin, length in intervals])
    for bucket, (low, high) in enumerate(pairwise(edges)):
        covered = sum(
            max(0.0, min(high, stop) - max(low, begin))
            for begin, stop in zip(start, end, strict=True)
        )
        mean = mean_counts(start, end, edges)[bucket]
        assert mean == pytest.approx(covered / (high - low), abs=1e-4)


def test_jobs_that_wait_or_run_now_count_with_those_that_ended() -> None:
    def before(seconds: float) -> datetime:
        return NOW - timedelta(seconds=seconds)

    ended = FinishedJobs.of(
        [
            ("a", JobStatus.SUCCEEDED, before(30), before(25), before(15)),
            ("a", JobStatus.CANCELLED, before(20), None, before(10)),
        ]
    )
    unfinished = [(before(20), before(10)), (before(5), None)]
    waiting, running = waiting_and_running(ended, unfinished, EDGES, NOW)
    assert waiting == pytest.approx([0.5, 2.0, 0.5])
    assert running == pytest.approx([0.5, 0.5, 1.0])
    nothing, none = waiting_and_running(FinishedJobs.of([]), [], EDGES, NOW)
    assert not nothing.any()
    assert not none.any()
