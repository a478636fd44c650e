"""Collects the figures of the overview page, each from its source and within a timeout."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

from deployments.dashboard.activity import Activity, Window, activity
from deployments.dashboard.job_history import FinishedJobsWindow
from deployments.dashboard.model_history import ModelCharts, ModelHistory
from deployments.dashboard.stale_while_revalidate import StaleWhileRevalidate
from deployments.serving.cluster import Cluster
from jobs.maintenance.retention import RetentionRun
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.job import Pause
from sidecar.core.errors import DatabaseUnavailable

#: How long the page waits for a figure that isn't cached; the live page shows it later.
_FIGURE_TIMEOUT_S = 1.0
#: The same for row counts, which are slow with millions of rows.
_COUNTS_TIMEOUT_S = 0.05
_CHECKS_TIMEOUT_S = 5.0

ChecksT = TypeVar("ChecksT")


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Storage use in bytes, row counts by table, and the retention runs."""

    disk_used: int
    disk_total: int
    database: int | None  # None: on another machine
    blobs: int
    rows: Mapping[str, int]
    last_retention_run: RetentionRun | None
    next_retention_run: datetime | None


@dataclass(frozen=True, kw_only=True)
class Overview(Generic[ChecksT]):
    """The page's content; None for figures that are unavailable."""

    now: datetime
    checks: ChecksT | None
    activity: Activity | None  # None: the database does not respond
    oldest_due_at: datetime | None  # when the longest-waiting job became due
    cluster: Cluster | None
    storage: Storage | None
    to_review: int  # results that somebody should look at
    pauses: Mapping[str, Pause]  # by feature
    models: ModelCharts


class _FromDatabase(TypedDict):
    """The fields of Overview that the database has."""

    activity: Activity | None
    oldest_due_at: datetime | None
    to_review: int
    pauses: Mapping[str, Pause]


class OverviewService(Generic[ChecksT]):
    """Collects the figures, and caches those whose sources are slow."""

    def __init__(
        self,
        *,
        queries: AdminQueries,
        finished_jobs: FinishedJobsWindow,
        to_review: Callable[[], Awaitable[int]],
        pauses: Callable[[], Awaitable[Mapping[str, Pause]]],
        models: ModelHistory,
        features: tuple[str, ...],
        checks: Callable[[], Awaitable[ChecksT]],
        cluster: Callable[[], Awaitable[Cluster]],
        last_retention_run: Callable[[], Awaitable[RetentionRun | None]],
        retention_interval: timedelta,
        data_dir: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._queries = queries
        self._finished_jobs = finished_jobs
        self._to_review = to_review
        self._pauses = pauses
        self._models = models
        self._features = features
        self._checks = StaleWhileRevalidate(checks, period_s=2)
        self._cluster = StaleWhileRevalidate(cluster, period_s=5)
        self._storage = StaleWhileRevalidate(self._measure_storage, period_s=20)
        self._last_retention_run = last_retention_run
        self._retention_interval = retention_interval
        self._data_dir = data_dir
        self._clock = clock

    async def overview(self, window: Window) -> Overview[ChecksT]:
        """Return the figures of the window that ends now."""
        now = self._clock()
        checks, cluster, storage, figures = await asyncio.gather(
            self._checks.get(timeout_s=_FIGURE_TIMEOUT_S),
            self._cluster.get(timeout_s=_FIGURE_TIMEOUT_S),
            self._storage.get(timeout_s=_COUNTS_TIMEOUT_S),
            self._from_database(window, now),
        )
        return Overview(
            now=now,
            checks=checks,
            cluster=cluster,
            storage=storage,
            models=self._models.charts(window, now),
            **figures,
        )

    async def checks(self) -> ChecksT | None:
        """Return the state of each part, or None after 5 s."""
        return await self._checks.get(timeout_s=_CHECKS_TIMEOUT_S)

    async def _from_database(self, window: Window, now: datetime) -> _FromDatabase:
        try:
            finished = await self._finished_jobs.refresh()
            depths = await self._queries.queue_depths(self._features)
            return {
                "activity": activity(
                    finished, depths, window, now, await self._queries.unfinished()
                ),
                "oldest_due_at": await self._queries.oldest_due_at(now),
                "to_review": await self._to_review(),
                "pauses": await self._pauses(),
            }
        except DatabaseUnavailable:
            return {"activity": None, "oldest_due_at": None, "to_review": 0, "pauses": {}}

    async def _measure_storage(self) -> Storage:
        rows, blobs = await self._queries.totals()
        last_run = await self._last_retention_run()
        disk = await asyncio.to_thread(shutil.disk_usage, self._data_dir)
        files = [
            file.stat().st_size for file in self._data_dir.glob("service.db*") if file.is_file()
        ]
        return Storage(
            disk_used=disk.used,
            disk_total=disk.total,
            database=sum(files) if files else None,
            blobs=blobs,
            rows=rows,
            last_retention_run=last_run,
            next_retention_run=last_run.started_at + self._retention_interval if last_run else None,
        )
