"""What an operator sees: the work of all tenants.

Reads only, and reads little: pages are cut by key, and every filter of jobs has an index, so that a
page costs the same among millions of rows.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.queue.job import Job, JobStatus
from jobs.queue.transitions import JOB_COLUMNS, job_from_row, queued_jobs
from jobs.storage import schema
from jobs.storage.artifacts import Artifact, artifact_from_row
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, Rating, feedback_of
from sidecar.core.errors import NotFound
from sidecar.core.ids import id_lower_bound

jobs = schema.jobs
artifacts = schema.artifacts
feedback = schema.feedback

#: Rows of an export that are in memory at a time.
_EXPORT_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class AdminFilter:
    """Which rows of all tenants to show; None leaves a column open."""

    tenant_id: str | None = None
    feature: str | None = None
    status: JobStatus | None = None
    success: bool | None = None
    rating: Rating | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """What one feature has in the queue."""

    queued: int
    running: int
    oldest: datetime | None  # when the first of the queued was submitted


class AdminQueries:
    """All tenants' jobs, artifacts and feedback in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def jobs(self, filter_: AdminFilter, *, before: str | None, limit: int) -> Sequence[Job]:
        """The newest that match, ids below `before` alone when it is given."""
        where = _within("job_", jobs, filter_, before)
        async with self._database.read() as connection:
            if filter_.feature is None and filter_.status is None:
                branches = [where]
            else:
                # One short walk down an index for each pair that the choice leaves open: a single
                # query would have to sort, or to pass over all that doesn't match.
                names = [filter_.feature] if filter_.feature else await _features(connection)
                states = [filter_.status] if filter_.status else list(JobStatus)
                branches = [
                    [*where, jobs.c.feature == name, jobs.c.status == state]
                    for name, state in product(names, states)
                ]
            ids = await _newest(connection, jobs, branches, limit)
            rows = await connection.execute(
                select(*JOB_COLUMNS).where(jobs.c.id.in_(ids)).order_by(jobs.c.id.desc())
            )
            return [job_from_row(row) for row in rows]

    async def job(self, job_id: str) -> Job:
        """Raises NotFound."""
        async with self._database.read() as connection:
            return job_from_row(await _one(connection, jobs, job_id, "There is no such job."))

    async def artifacts(
        self, filter_: AdminFilter, *, before: str | None, limit: int
    ) -> Sequence[Artifact]:
        """The newest that match, ids below `before` alone when it is given."""
        where = [*_within("art_", artifacts, filter_, before), *_artifacts_like(filter_)]
        async with self._database.read() as connection:
            return [
                artifact_from_row(row) for row in await _top(connection, artifacts, where, limit)
            ]

    async def artifact(self, artifact_id: str) -> Artifact:
        """Raises NotFound."""
        async with self._database.read() as connection:
            row = await _one(connection, artifacts, artifact_id, "There is no such artifact.")
            return artifact_from_row(row)

    async def artifact_of_job(self, job_id: str) -> Artifact | None:
        """What the job's last end left behind; None when it has not ended so far."""
        async with self._database.read() as connection:
            found = await _top(connection, artifacts, [artifacts.c.job_id == job_id], 1)
        return artifact_from_row(found[0]) if found else None

    async def export_artifacts(self, filter_: AdminFilter) -> AsyncIterator[Artifact]:
        """All that match, oldest first."""
        where = [*_within("art_", artifacts, filter_, None), *_artifacts_like(filter_)]
        async for row in self._database.iterate(artifacts, where, page=_EXPORT_PAGE):
            yield artifact_from_row(row)

    async def feedback(
        self, filter_: AdminFilter, *, before: str | None, limit: int
    ) -> Sequence[Feedback]:
        """The newest that match, ids below `before` alone when it is given."""
        where = [*_within("fb_", feedback, filter_, before), *_feedback_like(filter_)]
        async with self._database.read() as connection:
            return [feedback_of(row) for row in await _top(connection, feedback, where, limit)]

    async def feedback_of_job(self, job_id: str) -> Sequence[Feedback]:
        """What was said of a job, newest first; at most 50."""
        async with self._database.read() as connection:
            found = await _top(connection, feedback, [feedback.c.job_id == job_id], 50)
            return [feedback_of(row) for row in found]

    async def export_feedback(self, filter_: AdminFilter) -> AsyncIterator[Feedback]:
        """All that match, oldest first."""
        where = [*_within("fb_", feedback, filter_, None), *_feedback_like(filter_)]
        async for row in self._database.iterate(feedback, where, page=_EXPORT_PAGE):
            yield feedback_of(row)

    async def queue_depths(self, features: Sequence[str]) -> Mapping[str, QueueDepth]:
        """What waits and runs, for each of the features."""
        alive = [JobStatus.QUEUED, JobStatus.RUNNING]
        found: dict[str, QueueDepth] = {}
        async with self._database.read() as connection:
            for name in features:
                counted = await connection.execute(
                    select(jobs.c.status, func.count())
                    .where(jobs.c.feature == name, jobs.c.status.in_(alive))
                    .group_by(jobs.c.status)
                )
                counts = {row[0]: row[1] for row in counted}
                oldest = await connection.scalar(
                    select(jobs.c.created_at)
                    .where(jobs.c.feature == name, jobs.c.status == JobStatus.QUEUED)
                    .order_by(jobs.c.id)
                    .limit(1)
                )
                found[name] = QueueDepth(
                    queued=counts.get(JobStatus.QUEUED, 0),
                    running=counts.get(JobStatus.RUNNING, 0),
                    oldest=oldest,
                )
        return found

    async def oldest_due_at(self, now: datetime) -> datetime | None:
        """Since when the job has been due that was due first; None when none is."""
        async with self._database.read() as connection:
            oldest_due_at: datetime | None = await connection.scalar(
                select(func.min(jobs.c.due_at)).where(queued_jobs(), jobs.c.due_at <= now)
            )
        return oldest_due_at

    async def finished_since(self, since: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return feature, status, created_at, started_at and finished_at of jobs finished since."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(
                    jobs.c.feature,
                    jobs.c.status,
                    jobs.c.created_at,
                    jobs.c.started_at,
                    jobs.c.finished_at,
                ).where(jobs.c.finished_at.is_not(None), jobs.c.finished_at > since)
            )
            return rows.all()

    async def totals(self) -> tuple[Mapping[str, int], int]:
        """Rows of each table, and the bytes of all blobs. Slow among millions of rows."""
        counted = (jobs, artifacts, feedback, schema.blobs, schema.corrections)
        rows: dict[str, int] = {}
        async with self._database.read() as connection:
            for table in counted:
                count = await connection.scalar(select(func.count()).select_from(table))
                rows[table.name] = count or 0
            size = await connection.scalar(select(func.sum(schema.blobs.c.size)))
        return rows, int(size or 0)


async def _top(
    connection: AsyncConnection, table: Table, where: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The rows that match with the highest ids, those first."""
    found = await connection.execute(
        select(table).where(*where).order_by(table.c.id.desc()).limit(limit)
    )
    return found.all()


async def _newest(
    connection: AsyncConnection,
    table: Table,
    branches: Sequence[Sequence[ColumnElement[bool]]],
    limit: int,
) -> Sequence[str]:
    """The highest ids of what matches any of the branches, no two of which match the same row."""
    if not branches:
        return []
    walks = [
        select(
            select(table.c.id)
            .where(*where)
            .order_by(table.c.id.desc())
            .limit(limit)
            .subquery()
            .c.id
        )
        for where in branches
    ]
    together = union_all(*walks).subquery()
    found = await connection.execute(
        select(together.c.id).order_by(together.c.id.desc()).limit(limit)
    )
    return found.scalars().all()


async def _features(connection: AsyncConnection) -> Sequence[str]:
    """Every feature that has a job, found by one step down the index for each."""
    names: list[str] = []
    while True:
        after = names[-1] if names else ""
        name = await connection.scalar(
            select(func.min(jobs.c.feature)).where(jobs.c.feature > after)
        )
        if name is None:
            return names
        names.append(name)


async def _one(
    connection: AsyncConnection, table: Table, row_id: str, missing: str
) -> Row[*tuple[Any, ...]]:
    row = (await connection.execute(select(table).where(table.c.id == row_id))).one_or_none()
    if row is None:
        raise NotFound(missing)
    return row


def _within(
    prefix: str, table: Table, filter_: AdminFilter, before: str | None
) -> list[ColumnElement[bool]]:
    """The tenant, the time and the place in the list: ids sort by time, so all are ranges."""
    where = []
    if filter_.tenant_id is not None:
        where.append(table.c.tenant_id == filter_.tenant_id)
    if filter_.since is not None:
        where.append(table.c.id >= id_lower_bound(prefix, filter_.since))
    if filter_.until is not None:
        where.append(table.c.id < id_lower_bound(prefix, filter_.until))
    if before is not None:
        where.append(table.c.id < before)
    return where


def _artifacts_like(filter_: AdminFilter) -> list[ColumnElement[bool]]:
    where = []
    if filter_.feature is not None:
        where.append(artifacts.c.feature == filter_.feature)
    if filter_.success is not None:
        where.append(artifacts.c.success == filter_.success)
    return where


def _feedback_like(filter_: AdminFilter) -> list[ColumnElement[bool]]:
    return [] if filter_.rating is None else [feedback.c.rating == filter_.rating]
