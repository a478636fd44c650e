"""Read-only queries over all tenants, for operators.

Pages are cut by key, and every filter on jobs has an index, so a page costs the same among millions
of rows.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, func, not_, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.queue.job import Job, JobStatus
from jobs.queue.job_sorting import JobSort
from jobs.queue.transitions import (
    BRIEF_JOB_COLUMNS,
    job_from_row,
    queued_jobs,
    running_jobs,
)
from jobs.storage.artifacts import Artifact, artifact_from_row
from jobs.storage.brief_rows import brief_columns
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, Rating, feedback_from_row
from jobs.storage.schema import artifacts, blobs, corrections, feedback, jobs
from sidecar.core.errors import NotFound
from sidecar.core.ids import id_lower_bound

#: Jobs of one state that are counted; more are said to be more.
MAX_COUNTED = 10_000
#: The last code point, behind every text with the same beginning.
_LAST = "\U0010ffff"
#: Rows of an export that are in memory at a time.
_EXPORT_PAGE = 500
_MAX_FEEDBACK_OF_JOB = 50

_Rows = Sequence[Row[*tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class AdminFilter:
    """A filter on the rows of all tenants; None matches every value."""

    tenant_id: str | None = None
    feature: str | None = None
    status: JobStatus | None = None
    success: bool | None = None
    rating: Rating | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None  # an id, a request_id, a tenant, or the beginning of a merchant


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """The queue of one feature."""

    queued: int
    running: int
    oldest: datetime | None  # when the first of the queued jobs was submitted


class AdminQueries:
    """Queries for all tenants' jobs, artifacts and feedback in one database.

    Lists are newest first, unless they are sorted, and without large payloads; with `before`, they
    begin behind that row.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def jobs(
        self,
        filter_: AdminFilter,
        *,
        before: str | None,
        limit: int,
        sort: JobSort = JobSort.NEWEST,
    ) -> Sequence[Job]:
        """Return the first matching jobs of an order, behind the job `before`.

        Raises:
            NotFound: when `before` has no place in the order.
        """
        async with self._database.read() as connection:
            where = _conditions("job_", jobs, filter_, None)
            where += await sort.after(connection, before)
            by_id = sort.column is jobs.c.id
            branches = await _job_branches(connection, filter_, where, by_id=by_id)
            ids = await _first_ids(connection, branches, sort, limit)
            rows = await connection.execute(
                select(*BRIEF_JOB_COLUMNS)
                .where(jobs.c.id.in_(ids))
                .order_by(*sort.order(sort.column, jobs.c.id))
            )
            return [job_from_row(row) for row in rows]

    async def state_counts(self, filter_: AdminFilter) -> Mapping[JobStatus, int]:
        """Return the number of matching jobs in each state, counted up to MAX_COUNTED + 1."""
        where = _conditions("job_", jobs, filter_, None)
        counts: Counter[JobStatus] = Counter()
        async with self._database.read() as connection:
            states = [None] if filter_.search is not None else list(JobStatus)
            some = [
                select(jobs.c.status).where(*branch).limit(MAX_COUNTED + 1).subquery()
                for state in states
                for branch in await _job_branches(connection, replace(filter_, status=state), where)
            ]
            if some:
                union = union_all(
                    *(select(one.c.status, func.count()).group_by(one.c.status) for one in some)
                )
                for status, count in await connection.execute(union):
                    counts[JobStatus(status)] += count
        return {state: min(counts[state], MAX_COUNTED + 1) for state in JobStatus}

    async def job(self, job_id: str) -> Job:
        """Return the job; raises NotFound."""
        return job_from_row(await self._get(jobs, job_id, "There is no such job."))

    async def artifacts(
        self, filter_: AdminFilter, *, before: str | None, limit: int
    ) -> Sequence[Artifact]:
        where = _conditions("art_", artifacts, filter_, before, "feature", "success")
        rows = await self._newest(artifacts, where, limit, brief=True)
        return [artifact_from_row(row) for row in rows]

    async def artifact(self, artifact_id: str) -> Artifact:
        """Return the artifact; raises NotFound."""
        row = await self._get(artifacts, artifact_id, "There is no such artifact.")
        return artifact_from_row(row)

    async def artifact_of_job(self, job_id: str) -> Artifact | None:
        """Return the artifact of the last time the job finished; None if it never did."""
        rows = await self._newest(artifacts, [artifacts.c.job_id == job_id], 1)
        return artifact_from_row(rows[0]) if rows else None

    async def export_artifacts(self, filter_: AdminFilter) -> AsyncIterator[Artifact]:
        """Yield all matches, oldest first."""
        where = _conditions("art_", artifacts, filter_, None, "feature", "success")
        async for row in self._database.iterate(artifacts, where, page=_EXPORT_PAGE):
            yield artifact_from_row(row)

    async def feedback(
        self, filter_: AdminFilter, *, before: str | None, limit: int
    ) -> Sequence[Feedback]:
        where = _conditions("fb_", feedback, filter_, before, "rating")
        return [feedback_from_row(row) for row in await self._newest(feedback, where, limit)]

    async def feedback_of_job(self, job_id: str) -> Sequence[Feedback]:
        """Return a job's feedback, at most the newest 50."""
        where = [feedback.c.job_id == job_id]
        rows = await self._newest(feedback, where, _MAX_FEEDBACK_OF_JOB)
        return [feedback_from_row(row) for row in rows]

    async def export_feedback(self, filter_: AdminFilter) -> AsyncIterator[Feedback]:
        """Yield all matches, oldest first."""
        where = _conditions("fb_", feedback, filter_, None, "rating")
        async for row in self._database.iterate(feedback, where, page=_EXPORT_PAGE):
            yield feedback_from_row(row)

    async def queue_depths(self, features: Sequence[str]) -> Mapping[str, QueueDepth]:
        """Return the queue depth of each feature."""
        unfinished = [JobStatus.QUEUED, JobStatus.RUNNING]
        depths: dict[str, QueueDepth] = {}
        async with self._database.read() as connection:
            for name in features:
                rows = await connection.execute(
                    select(jobs.c.status, func.count())
                    .where(jobs.c.feature == name, jobs.c.status.in_(unfinished))
                    .group_by(jobs.c.status)
                )
                counts = {row[0]: row[1] for row in rows}
                oldest = await connection.scalar(
                    select(jobs.c.created_at)
                    .where(jobs.c.feature == name, jobs.c.status == JobStatus.QUEUED)
                    .order_by(jobs.c.id)
                    .limit(1)
                )
                depths[name] = QueueDepth(
                    queued=counts.get(JobStatus.QUEUED, 0),
                    running=counts.get(JobStatus.RUNNING, 0),
                    oldest=oldest,
                )
        return depths

    async def oldest_due_at(self, now: datetime) -> datetime | None:
        """Return the earliest due time of the queued jobs that are due; None if none is."""
        async with self._database.read() as connection:
            oldest_due_at: datetime | None = await connection.scalar(
                select(func.min(jobs.c.due_at)).where(queued_jobs(), jobs.c.due_at <= now)
            )
        return oldest_due_at

    async def finished_since(self, since: datetime) -> _Rows:
        """Return feature, status, created_at, started_at and finished_at of jobs finished since."""
        async with self._database.read() as connection:
            columns = jobs.c["feature", "status", "created_at", "started_at", "finished_at"]
            rows = await connection.execute(
                select(*columns).where(jobs.c.finished_at.is_not(None), jobs.c.finished_at > since)
            )
            return rows.all()

    async def unfinished(self) -> _Rows:
        """Return feature, created_at and started_at of the queued and the running jobs.

        started_at is None for a job that waits. At most MAX_COUNTED jobs of each state.
        """
        columns = jobs.c["feature", "created_at"]
        async with self._database.read() as connection:
            queued = await connection.execute(
                select(*columns, null()).where(queued_jobs()).limit(MAX_COUNTED)
            )
            running = await connection.execute(
                select(*columns, jobs.c.started_at).where(running_jobs()).limit(MAX_COUNTED)
            )
            return [*queued, *running]

    async def totals(self) -> tuple[Mapping[str, int], int]:
        """Return the rows of each table and the bytes of all blobs; slow among millions of rows."""
        tables = (jobs, artifacts, feedback, blobs, corrections)
        rows: dict[str, int] = {}
        async with self._database.read() as connection:
            for table in tables:
                count = await connection.scalar(select(func.count()).select_from(table))
                rows[table.name] = count or 0
            size = await connection.scalar(select(func.sum(blobs.c.size)))
        return rows, int(size or 0)

    async def _get(self, table: Table, row_id: str, message: str) -> Row[*tuple[Any, ...]]:
        async with self._database.read() as connection:
            row = (
                await connection.execute(select(table).where(table.c.id == row_id))
            ).one_or_none()
        if row is None:
            raise NotFound(message)
        return row

    async def _newest(
        self,
        table: Table,
        where: Sequence[ColumnElement[bool]],
        limit: int,
        *,
        brief: bool = False,
    ) -> _Rows:
        columns = brief_columns(table) if brief else table.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(*columns).where(*where).order_by(table.c.id.desc()).limit(limit)
            )
            return rows.all()


async def _first_ids(
    connection: AsyncConnection,
    branches: Sequence[Sequence[ColumnElement[bool]]],
    sort: JobSort,
    limit: int,
) -> Sequence[str]:
    """Return the ids of the first jobs that match a branch; no job may match two branches."""
    if not branches:
        return []
    first = [
        select(jobs.c.id, sort.column.label("place"))
        .where(*where)
        .order_by(*sort.order(sort.column, jobs.c.id))
        .limit(limit)
        .subquery()
        for where in branches
    ]
    union = union_all(*(select(branch.c.id, branch.c.place) for branch in first)).subquery()
    order = sort.order(union.c.place, union.c.id)
    ids = await connection.scalars(select(union.c.id).order_by(*order).limit(limit))
    return ids.all()


async def _job_branches(
    connection: AsyncConnection,
    filter_: AdminFilter,
    where: Sequence[ColumnElement[bool]],
    *,
    by_id: bool = True,
) -> Sequence[Sequence[ColumnElement[bool]]]:
    """Return the conditions of index walks that find the jobs which match; none finds a job twice.

    By id, one short walk for each pair of feature and status: a single query would have to sort, or
    to step over all rows that don't match. Other orders have one index, whatever the filter.
    """
    columns = (("feature", filter_.feature), ("status", filter_.status))
    own = [jobs.c[name] == value for name, value in columns if value is not None]
    if filter_.search is not None:
        return [[*where, *own, condition] for condition in _found(filter_.search)]
    if not by_id:
        return [[*where, *own]]
    if filter_.feature is None and filter_.status is None:
        return [where]
    names = [filter_.feature] if filter_.feature else await _features(connection)
    states = [filter_.status] if filter_.status else list(JobStatus)
    return [
        [*where, jobs.c.feature == name, jobs.c.status == state]
        for name, state in product(names, states)
    ]


def _found(search: str) -> Sequence[ColumnElement[bool]]:
    """Return conditions for what was searched: each uses an index and excludes those before it."""
    merchant = search.casefold()
    conditions = [
        jobs.c.id == search,
        jobs.c.request_id == search,
        jobs.c.tenant_id == search,
        and_(jobs.c.merchant >= merchant, jobs.c.merchant < merchant + _LAST),
    ]
    return [
        and_(condition, *(not_(other) for other in conditions[:n]))
        for n, condition in enumerate(conditions)
    ]


async def _features(connection: AsyncConnection) -> Sequence[str]:
    """Return every feature that has a job, by one index lookup for each."""
    names: list[str] = []
    while True:
        last = names[-1] if names else ""  # in the database's order, which may not be Python's
        name = await connection.scalar(
            select(func.min(jobs.c.feature)).where(jobs.c.feature > last)
        )
        if name is None:
            return names
        names.append(name)


def _conditions(
    prefix: str, table: Table, filter_: AdminFilter, before: str | None, *columns: str
) -> list[ColumnElement[bool]]:
    """Return the filter's conditions on tenant_id, the named columns, the time and the id."""
    where: list[ColumnElement[bool]] = [
        table.c[name] == value
        for name in ("tenant_id", *columns)
        if (value := getattr(filter_, name)) is not None
    ]
    # Ids sort by time.
    if filter_.since is not None:
        where.append(table.c.id >= id_lower_bound(prefix, filter_.since))
    if filter_.until is not None:
        where.append(table.c.id < id_lower_bound(prefix, filter_.until))
    if before is not None:
        where.append(table.c.id < before)
    return where
