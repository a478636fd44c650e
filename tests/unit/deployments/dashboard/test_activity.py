"""What the overview says of the jobs that ended."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.activity import WINDOWS, activity
from deployments.dashboard.job_history import FinishedJobs
from jobs.queue.admin_queries import QueueDepth
from jobs.queue.job import JobStatus

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
IDLE = QueueDepth(queued=0, running=0, oldest=None)


def ended(*jobs: tuple[str, JobStatus, float, float]) -> FinishedJobs:
    """Jobs as (feature, state, seconds ago, latency in seconds); each waited half its latency."""
    return FinishedJobs(
        finished=np.array([NOW.timestamp() - ago for _, _, ago, _ in jobs], dtype=np.float64),
        latency=np.array([latency for *_, latency in jobs], dtype=np.float32),
        wait=np.array([latency / 2 for *_, latency in jobs], dtype=np.float32),
        feature=np.array([feature for feature, *_ in jobs], dtype=np.str_),
        status=np.array([FinishedJobs.STATES.index(state) for _, state, *_ in jobs], dtype=np.int8),
    )


def test_what_ended_before_the_window_does_not_count() -> None:
    found = ended(
        ("a", JobStatus.SUCCEEDED, 10, 1),
        ("a", JobStatus.FAILED, 3599, 1),
        ("a", JobStatus.SUCCEEDED, 3601, 1),
    )
    hour = activity(found, {"a": IDLE}, WINDOWS["hour"], NOW)
    assert hour.counts == {"succeeded": 1, "failed": 1, "cancelled": 0}
    assert hour.per_minute == pytest.approx(2 / 60)
    day = activity(found, {"a": IDLE}, WINDOWS["day"], NOW)
    assert day.counts["succeeded"] == 2


def test_percentiles_are_of_what_succeeded_and_of_one_feature() -> None:
    jobs = [("a", JobStatus.SUCCEEDED, 60.0, float(latency)) for latency in range(1, 101)]
    found = ended(*jobs, ("a", JobStatus.FAILED, 60, 900), ("b", JobStatus.SUCCEEDED, 60, 900))
    [a, idle] = activity(found, {"a": IDLE, "c": IDLE}, WINDOWS["hour"], NOW).features
    assert a.latency is not None
    assert (a.latency.p50, a.latency.p95, a.latency.p99) == (50, 95, 99)
    assert idle.latency is None
    assert idle.latency_chart.empty


def test_nothing_at_all_is_an_empty_overview() -> None:
    nothing = activity(FinishedJobs.of([]), {}, WINDOWS["day"], NOW)
    assert nothing.throughput.empty
    assert nothing.features == []


@given(st.lists(st.tuples(st.floats(0, 90_000), st.floats(0, 1e6)), max_size=30))
def test_every_chart_stays_within_its_frame(jobs: list[tuple[float, float]]) -> None:
    found = ended(*(("a", JobStatus.SUCCEEDED, ago, latency) for ago, latency in jobs))
    for window in WINDOWS.values():
        shown = activity(found, {"a": IDLE}, window, NOW)
        chart = shown.features[0].latency_chart
        for series in chart.series:
            for point in series.path.replace("L", "M").split("M")[1:]:
                x, y = map(float, point.split())
                assert 0 <= x <= 100
                assert 0 <= y <= 100
        assert sum(shown.counts.values()) == sum(ago < window.seconds for ago, _ in jobs)
