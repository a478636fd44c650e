"""What the jobs of the last hour or day say: counts and percentiles, by feature and over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from deployments.dashboard.charts import Chart, Series, lines, stacked
from deployments.dashboard.job_history import FinishedJobs
from jobs.queue.admin_queries import QueueDepth
from jobs.queue.job import JobStatus

_SHOWN = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class Window:
    """How far back to look, and in how many steps."""

    name: str
    seconds: float
    buckets: int

    @property
    def step_s(self) -> float:
        """Seconds of one bucket."""
        return self.seconds / self.buckets


WINDOWS: Mapping[str, Window] = {
    "hour": Window("hour", 3600, 60),
    "day": Window("day", 86_400, 48),
}


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Of durations, in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class FeatureActivity:
    """One feature: what waits, what ended, how long it took."""

    name: str
    waiting: QueueDepth
    counts: Mapping[str, int]  # of those that ended, by state
    latency: Percentiles | None  # of those that succeeded; None when there was none
    wait: Percentiles | None  # from the submission to the first attempt
    latency_chart: Chart
    wait_chart: Chart


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Everything within the window."""

    window: Window
    counts: Mapping[str, int]
    per_minute: float  # jobs that ended
    throughput: Chart
    features: Sequence[FeatureActivity]


def activity(
    ended: FinishedJobs, waiting: Mapping[str, QueueDepth], window: Window, now: datetime
) -> Activity:
    """The figures of `window`, which ends `now`; a feature for each entry of `waiting`."""
    end = now.timestamp()
    within = ended.where((ended.finished > end - window.seconds) & (ended.finished <= end))
    ages = end - within.finished
    back = (ages // window.step_s).astype(np.int64)
    bucket = np.clip(window.buckets - 1 - back, 0, window.buckets - 1)
    series = [
        Series(
            name=status,
            values=np.bincount(bucket[within.was(status)], minlength=window.buckets).tolist(),
        )
        for status in _SHOWN
    ]
    return Activity(
        window=window,
        counts=_counts(within),
        per_minute=len(within) / (window.seconds / 60),
        throughput=stacked(series),
        features=[_feature(name, waits, within, bucket, window) for name, waits in waiting.items()],
    )


def _feature(
    name: str,
    waits: QueueDepth,
    within: FinishedJobs,
    bucket: npt.NDArray[np.int64],
    window: Window,
) -> FeatureActivity:
    mine = within.feature == name
    own, own_bucket = within.where(mine), bucket[mine]
    good = own.was(JobStatus.SUCCEEDED)
    started = ~np.isnan(own.wait)
    return FeatureActivity(
        name=name,
        waiting=waits,
        counts=_counts(own),
        latency=_percentiles(own.latency[good]),
        wait=_percentiles(own.wait[started]),
        latency_chart=lines(_over_time(own.latency[good], own_bucket[good], window, (50, 95, 99))),
        wait_chart=lines(_over_time(own.wait[started], own_bucket[started], window, (50, 95))),
    )


def _counts(ended: FinishedJobs) -> Mapping[str, int]:
    return {str(status): int(ended.was(status).sum()) for status in _SHOWN}


def _percentiles(seconds: npt.NDArray[np.float32]) -> Percentiles | None:
    if not len(seconds):
        return None
    everything = np.zeros(len(seconds), dtype=np.int64)
    p50, p95, p99 = (float(rank[0]) for rank in _ranks(seconds, everything, 1, (50, 95, 99)))
    return Percentiles(p50=p50, p95=p95, p99=p99)


def _over_time(
    seconds: npt.NDArray[np.float32],
    bucket: npt.NDArray[np.int64],
    window: Window,
    percents: Sequence[int],
) -> Sequence[Series]:
    ranks = _ranks(seconds, bucket, window.buckets, percents)
    return [
        Series(name=f"p{percent}", values=[None if np.isnan(one) else float(one) for one in rank])
        for percent, rank in zip(percents, ranks, strict=True)
    ]


def _ranks(
    seconds: npt.NDArray[np.float32],
    bucket: npt.NDArray[np.int64],
    buckets: int,
    percents: Sequence[int],
) -> Sequence[npt.NDArray[np.float64]]:
    """For each percent the nearest-rank percentile of every bucket; NaN where a bucket is empty."""
    ordered = np.append(seconds[np.lexsort((seconds, bucket))], np.nan)
    sizes = np.bincount(bucket, minlength=buckets)
    starts = np.cumsum(sizes) - sizes
    ranks = []
    for percent in percents:
        place = np.maximum(np.ceil(sizes * percent / 100).astype(np.int64) - 1, 0)
        ranks.append(np.where(sizes > 0, ordered[starts + place], np.nan))
    return ranks
