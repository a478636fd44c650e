"""The overview's figures, gathered from whoever knows them and bound in time."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from deployments.dashboard.activity import Activity, Window, activity
from deployments.dashboard.cluster import Cluster
from deployments.dashboard.job_history import RecentlyEnded
from deployments.dashboard.refreshed import Refreshed
from jobs.maintenance.retention import Pruning
from jobs.queue.admin_queries import Board
from sidecar.core.errors import DatabaseUnavailable

#: Seconds that the first page waits for what is not known so far; the live page fills it in later.
_PATIENCE_S = 1.0
_PATIENCE_WITH_COUNTS_S = 0.05

Checks = TypeVar("Checks")


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where the data is, in bytes; and how many rows there are, by table."""

    disk_used: int
    disk_total: int
    database: int | None  # None: it is on another machine
    blobs: int
    rows: Mapping[str, int]
    pruned: Pruning | None  # the last time that what is old was removed
    next_pruning: datetime | None


@dataclass(frozen=True, kw_only=True)
class Overview(Generic[Checks]):
    """All that the page shows; None for what is not known."""

    now: datetime
    checks: Checks | None
    activity: Activity | None  # None: the database doesn't answer
    due_since: datetime | None  # since when the job has been due that was due first
    cluster: Cluster | None
    storage: Storage | None


class Observer(Generic[Checks]):
    """Looks at the whole service, each part no more often than it can bear."""

    def __init__(
        self,
        *,
        board: Board,
        recently_ended: RecentlyEnded,
        features: tuple[str, ...],
        checks: Callable[[], Awaitable[Checks]],
        cluster: Callable[[], Awaitable[Cluster]],
        data_dir: Path,
        pruned_every: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._board = board
        self._recently_ended = recently_ended
        self._features = features
        self._checks = Refreshed(checks, period_s=2)
        self._cluster = Refreshed(cluster, period_s=5)
        self._storage = Refreshed(self._look_at_storage, period_s=20)
        self._data_dir = data_dir
        self._pruned_every = pruned_every
        self._clock = clock

    async def overview(self, window: Window) -> Overview[Checks]:
        """As things are now."""
        now = self._clock()
        checks, cluster, storage, (found, due_since) = await asyncio.gather(
            self._checks.get(patience_s=_PATIENCE_S),
            self._cluster.get(patience_s=_PATIENCE_S),
            self._storage.get(patience_s=_PATIENCE_WITH_COUNTS_S),
            self._activity(window, now),
        )
        return Overview(
            now=now,
            checks=checks,
            activity=found,
            due_since=due_since,
            cluster=cluster,
            storage=storage,
        )

    async def checks(self) -> Checks | None:
        """The state of each part, waited for."""
        return await self._checks.get(patience_s=5)

    async def _activity(
        self, window: Window, now: datetime
    ) -> tuple[Activity | None, datetime | None]:
        try:
            ended = await self._recently_ended.look()
            waiting = await self._board.waiting(self._features)
            due_since = await self._board.due_since(now)
        except DatabaseUnavailable:
            return None, None
        return activity(ended, waiting, window, now), due_since

    async def _look_at_storage(self) -> Storage:
        rows, blobs = await self._board.totals()
        pruned = await self._board.last_pruning()
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
            pruned=pruned,
            next_pruning=pruned.started_at + self._pruned_every if pruned else None,
        )
