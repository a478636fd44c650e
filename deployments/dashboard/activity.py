"""Statistics of recently finished jobs: counts and percentiles, by feature and over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row

from deployments.dashboard.charts import Chart, Series
from deployments.dashboard.job_history import FinishedJobs
from deployments.dashboard.queue_load import waiting_and_running
from jobs.queue.admin_queries import QueueDepth
from jobs.queue.job import JobStatus

_STATUSES = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class Window:
    """A time window up to now, divided into buckets."""

    name: str
    seconds: float
    buckets: int

    @property
    def bucket_s(self) -> float:
        return self.seconds / self.buckets


WINDOWS: Mapping[str, Window] = {
    "hour": Window("hour", 3600, 60),
    "day": Window("day", 86_400, 48),
}


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Percentiles of durations, in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class FeatureActivity:
    """The queue and the finished jobs of one feature."""

    name: str
    queue: QueueDepth
    counts: Mapping[str, int]  # finished jobs by status
    latency: Percentiles | None  # of the succeeded jobs; None without any
    wait: Percentiles | None  # from the submission to the first attempt
    latency_chart: Chart
    wait_chart: Chart
    load_chart: Chart  # jobs that wait and that run, on average


@dataclass(frozen=True, kw_only=True)
class Activity:
    """All jobs that finished within the window."""

    window: Window
    counts: Mapping[str, int]
    per_minute: float  # finished jobs
    throughput: Chart
    features: Sequence[FeatureActivity]


def activity(
    finished: FinishedJobs,
    depths: Mapping[str, QueueDepth],
    window: Window,
    now: datetime,
    unfinished: Sequence[Row[*tuple[Any, ...]]] = (),
) -> Activity:
    """Return the statistics of the window that ends `now`, for each feature in `depths`.

    `unfinished` has rows of feature, created_at and started_at; None for a job that waits.
    """
    end = now.timestamp()
    in_window = (finished.finished > end - window.seconds) & (finished.finished <= end)
    jobs = finished.where(in_window)
    age_in_buckets = ((end - jobs.finished) // window.bucket_s).astype(np.int64)
    bucket = np.clip(window.buckets - 1 - age_in_buckets, 0, window.buckets - 1)
    series = [
        Series(
            name=status,
            values=np.bincount(bucket[jobs.has(status)], minlength=window.buckets).tolist(),
        )
        for status in _STATUSES
    ]
    return Activity(
        window=window,
        counts=_counts(jobs),
        per_minute=len(jobs) / (window.seconds / 60),
        throughput=Chart(kind="bars", unit="count", bucket_s=window.bucket_s, series=series),
        features=[
            _feature(
                name,
                depth,
                jobs,
                bucket,
                window,
                [row[1:] for row in unfinished if row[0] == name],
                now,
            )
            for name, depth in depths.items()
        ],
    )


def _feature(
    name: str,
    depth: QueueDepth,
    all_jobs: FinishedJobs,
    all_buckets: npt.NDArray[np.int64],
    window: Window,
    unfinished: Sequence[tuple[Any, ...]],
    now: datetime,
) -> FeatureActivity:
    of_feature = all_jobs.feature == name
    jobs, bucket = all_jobs.where(of_feature), all_buckets[of_feature]
    succeeded = jobs.has(JobStatus.SUCCEEDED)
    latency, latency_bucket = jobs.latency[succeeded], bucket[succeeded]
    started = ~np.isnan(jobs.wait)
    wait, wait_bucket = jobs.wait[started], bucket[started]
    edges = now.timestamp() - window.bucket_s * np.arange(window.buckets, -1, -1, dtype=np.float64)
    waiting, running = waiting_and_running(jobs, unfinished, edges, now)

    def lines(unit: Literal["count", "duration"], series: Sequence[Series]) -> Chart:
        return Chart(kind="lines", unit=unit, bucket_s=window.bucket_s, series=series)

    return FeatureActivity(
        name=name,
        queue=depth,
        counts=_counts(jobs),
        latency=_percentiles(latency),
        wait=_percentiles(wait),
        latency_chart=lines(
            "duration", _percentile_series(latency, latency_bucket, window, (50, 95, 99))
        ),
        wait_chart=lines("duration", _percentile_series(wait, wait_bucket, window, (50, 95))),
        load_chart=lines(
            "count",
            [
                Series(name="waiting", values=waiting.tolist()),
                Series(name="running", values=running.tolist()),
            ]
            if len(jobs) or unfinished
            else [],
        ),
    )


def _counts(jobs: FinishedJobs) -> Mapping[str, int]:
    return {str(status): int(jobs.has(status).sum()) for status in _STATUSES}


def _percentiles(seconds: npt.NDArray[np.float32]) -> Percentiles | None:
    if not len(seconds):
        return None
    one_bucket = np.zeros(len(seconds), dtype=np.int64)
    p50, p95, p99 = (float(rank[0]) for rank in _ranks(seconds, one_bucket, 1, (50, 95, 99)))
    return Percentiles(p50=p50, p95=p95, p99=p99)


def _percentile_series(
    seconds: npt.NDArray[np.float32],
    bucket: npt.NDArray[np.int64],
    window: Window,
    percents: Sequence[int],
) -> Sequence[Series]:
    ranks = _ranks(seconds, bucket, window.buckets, percents)
    return [
        Series(
            name="half" if percent == 50 else f"{percent} %",
            style=f"p{percent}",
            values=[None if np.isnan(value) else float(value) for value in rank],
        )
        for percent, rank in zip(percents, ranks, strict=True)
    ]


def _ranks(
    seconds: npt.NDArray[np.float32],
    bucket: npt.NDArray[np.int64],
    buckets: int,
    percents: Sequence[int],
) -> Sequence[npt.NDArray[np.float64]]:
    """Return each percent's nearest-rank percentile of every bucket; NaN for an empty bucket."""
    ordered = np.append(seconds[np.lexsort((seconds, bucket))], np.nan)
    sizes = np.bincount(bucket, minlength=buckets)
    starts = np.cumsum(sizes) - sizes
    ranks = []
    for percent in percents:
        offset = np.maximum(np.ceil(sizes * percent / 100).astype(np.int64) - 1, 0)
        ranks.append(np.where(sizes > 0, ordered[starts + offset], np.nan))
    return ranks
