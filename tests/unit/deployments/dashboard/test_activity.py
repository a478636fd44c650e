"""The statistics of finished jobs on the overview."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.activity import WINDOWS, activity
from deployments.dashboard.job_history import STATES, FinishedJobs
from jobs.queue.admin_queries import QueueDepth
from jobs.queue.job import JobStatus

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
EMPTY_QUEUE = QueueDepth(queued=0, running=0, oldest=None)


def finished(*jobs: tuple[str, JobStatus, float, float]) -> FinishedJobs:
    """Build jobs from (feature, status, age, latency) in seconds; each waited half its latency."""
    return FinishedJobs(
        finished=np.array([NOW.timestamp() - age for _, _, age, _ in jobs], dtype=np.float64),
        latency=np.array([latency for *_, latency in jobs], dtype=np.float32),
        wait=np.array([latency / 2 for *_, latency in jobs], dtype=np.float32),
        feature=np.array([feature for feature, *_ in jobs], dtype=np.str_),
        status=np.array([STATES.index(status) for _, status, *_ in jobs], dtype=np.int8),
    )


def test_jobs_that_finished_before_the_window_do_not_count() -> None:
    jobs = finished(
        ("a", JobStatus.SUCCEEDED, 10, 1),
        ("a", JobStatus.FAILED, 3599, 1),
        ("a", JobStatus.SUCCEEDED, 3601, 1),
    )
    hour = activity(jobs, {"a": EMPTY_QUEUE}, WINDOWS["hour"], NOW)
    assert hour.counts == {"succeeded": 1, "failed": 1, "cancelled": 0}
    assert hour.per_minute == pytest.approx(2 / 60)
    day = activity(jobs, {"a": EMPTY_QUEUE}, WINDOWS["day"], NOW)
    assert day.counts["succeeded"] == 2


def test_percentiles_cover_the_succeeded_jobs_of_one_feature() -> None:
    succeeded = [("a", JobStatus.SUCCEEDED, 60.0, float(latency)) for latency in range(1, 101)]
    jobs = finished(
        *succeeded, ("a", JobStatus.FAILED, 60, 900), ("b", JobStatus.SUCCEEDED, 60, 900)
    )
    depths = {"a": EMPTY_QUEUE, "c": EMPTY_QUEUE}
    [a, idle] = activity(jobs, depths, WINDOWS["hour"], NOW).features
    assert a.latency is not None
    assert (a.latency.p50, a.latency.p95, a.latency.p99) == (50, 95, 99)
    assert idle.latency is None
    assert idle.latency_chart.empty


def test_without_jobs_the_overview_is_empty() -> None:
    empty = activity(FinishedJobs.of([]), {}, WINDOWS["day"], NOW)
    assert empty.throughput.empty
    assert empty.features == []


@given(st.lists(st.tuples(st.floats(0, 90_000), st.floats(0, 1e6)), max_size=30))
def test_every_chart_has_a_value_for_each_bucket(jobs: list[tuple[float, float]]) -> None:
    succeeded = finished(*(("a", JobStatus.SUCCEEDED, age, latency) for age, latency in jobs))
    for window in WINDOWS.values():
        shown = activity(succeeded, {"a": EMPTY_QUEUE}, window, NOW)
        [feature] = shown.features
        for chart in (feature.latency_chart, feature.load_chart, shown.throughput):
            for series in chart.series:
                assert len(series.values) == window.buckets
                assert all(value is None or value >= 0 for value in series.values)
        assert sum(shown.counts.values()) == sum(age < window.seconds for age, _ in jobs)
