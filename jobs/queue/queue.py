"""The queue for callers: submit, get, list, cancel, retry; pause and resume for the operator.

A job's state changes only here, in claims.py (the queue for workers) and when a tenant is erased.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Text, and_, cast, func, null, select

from jobs.queue.job import AttemptRecord, Job, JobEvent, JobStatus, NewJob, Pause, Review
from jobs.queue.transitions import (
    CLEARED_CLAIM,
    JOB_COLUMNS,
    emit_events,
    end_attempt,
    get_job,
    job_from_row,
    queued_jobs,
    running_jobs,
    transition,
)
from jobs.storage.database import Database, tenant_filters
from jobs.storage.json import to_json
from jobs.storage.schema import artifacts, attempts, job_events, jobs, paused_queues
from sidecar.core.errors import Conflict, NotFound
from sidecar.core.ids import new_id

#: Jobs that one query of `snapshots` names.
_SNAPSHOT_CHUNK = 500


def utc_now() -> datetime:
    """Return the current time; the clock of a service."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """A filter on a tenant's jobs; None matches every value."""

    feature: str | None = None
    status: JobStatus | None = None
    review: Review | None = None


@dataclass(frozen=True)
class JobSnapshot:
    """The state of a job in short, for those who watch it."""

    version: int
    status: JobStatus
    progress: float


@dataclass(frozen=True, kw_only=True)
class StoredJob:
    """A job without its payloads, and these as JSON that nobody has to parse."""

    job: Job
    input_json: str | None  # None when it is empty
    output_json: str | None  # None without a result


_STORED = select(
    *(column for column in JOB_COLUMNS if column is not jobs.c.input_payload),
    null().label("input_payload"),
    func.nullif(cast(jobs.c.input_payload, Text), "{}").label("input_json"),
    cast(artifacts.c.output_payload, Text).label("output_json"),
).outerjoin(artifacts, artifacts.c.id == jobs.c.artifact_id)


class JobQueue:
    """The jobs in one database."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = utc_now,
        on_queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_queued` is called after a job is queued."""
        self._database = database
        self._clock = clock
        self._on_queued = on_queued
        self._insert = database.insert(jobs).on_conflict_do_nothing(
            index_elements=["tenant_id", "feature", "idempotency_key"]
        )

    async def submit(self, new: NewJob) -> Job:
        """Store and return a job, or the first job with its (tenant, feature, idempotency_key).

        Raises Conflict when that job has another payload or callback_url.
        """
        now = self._clock()
        fingerprint = _payload_hash(new)
        job = Job(
            id=new_id("job_", now),
            tenant_id=new.tenant_id,
            user_id=new.user_id,
            feature=new.feature,
            priority=new.priority,
            request_id=new.request_id,
            input_payload=new.input_payload,
            max_attempts=new.max_attempts,
            due_at=now,
            created_at=now,
            model_id=new.model_id,
            model_version=new.model_version,
            callback_url=new.callback_url,
            traceparent=new.traceparent,
        )
        row = {
            **vars(job),
            "idempotency_key": new.idempotency_key,
            "fingerprint": fingerprint,
            "image_sha256": new.input_payload.get("image", {}).get("sha256"),
        }

        def work(connection: Connection) -> Job:
            if connection.execute(self._insert, row).rowcount:
                emit_events(connection, [job], now)
                return job
            first = connection.execute(
                select(*JOB_COLUMNS, jobs.c.fingerprint).where(
                    jobs.c.tenant_id == new.tenant_id,
                    jobs.c.feature == new.feature,
                    jobs.c.idempotency_key == new.idempotency_key,
                )
            ).one()
            job_before = job_from_row(first)
            if first.fingerprint != fingerprint and _content(job_before) != _content(new):
                raise _used_before(new, "payload")
            if new.callback_url not in (None, job_before.callback_url):
                raise _used_before(new, "callback_url")
            return job_before

        job = await self._database.write(work)
        self._on_queued()
        return job

    async def get(self, tenant_id: str, job_id: str, *, brief: bool = False) -> Job:
        """Return the job, `brief` without a large payload.

        Raises NotFound when the tenant has no such job.
        """
        async with self._database.read() as connection:
            return await connection.run_sync(
                lambda sync: get_job(sync, tenant_id, job_id, brief=brief)
            )

    async def stored(self, tenant_id: str, job_id: str) -> StoredJob:
        """Return the job with its payloads as they are stored.

        Parsing megabytes would hold up whatever else runs. Raises NotFound when the tenant has no
        such job.
        """
        async with self._database.read() as connection:
            rows = await connection.execute(
                _STORED.where(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id)
            )
            row = rows.one_or_none()
        if row is None:
            raise NotFound("There is no such job.")
        return StoredJob(
            job=job_from_row(row), input_json=row.input_json, output_json=row.output_json
        )

    async def attempts(self, job_id: str) -> Sequence[AttemptRecord]:
        """Return the job's attempts in order."""
        columns = [attempts.c[name] for name in AttemptRecord.__dataclass_fields__]
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(*columns).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
            )
            return [AttemptRecord(**row._mapping) for row in rows]

    async def list(
        self,
        tenant_id: str,
        filter_: JobFilter,
        *,
        limit: int,
        offset: int = 0,
        before: str | None = None,
    ) -> tuple[Sequence[Job], int]:
        """Return a page of the matching jobs, newest first, and the number of all matches.

        With `before`, the page begins below that id.
        """
        where = tenant_filters(jobs, tenant_id, asdict(filter_))
        rows, total = await self._database.page(
            jobs, where, limit=limit, offset=offset, before=before
        )
        return [job_from_row(row) for row in rows], total

    async def snapshots(self, job_ids: Collection[str]) -> Mapping[str, JobSnapshot | None]:
        """Return a snapshot of each job, None for a job that is gone."""
        snapshots: dict[str, JobSnapshot | None] = dict.fromkeys(job_ids)
        ids = sorted(job_ids)
        async with self._database.read() as connection:
            for start in range(0, len(ids), _SNAPSHOT_CHUNK):
                rows = await connection.execute(
                    select(jobs.c.id, jobs.c.version, jobs.c.status, jobs.c.progress).where(
                        jobs.c.id.in_(ids[start : start + _SNAPSHOT_CHUNK])
                    )
                )
                snapshots |= {
                    row.id: JobSnapshot(row.version, JobStatus(row.status), row.progress)
                    for row in rows
                }
        return snapshots

    async def events(self, job_id: str, *, after: int) -> Sequence[JobEvent]:
        """Return the job's changes with a version above `after`, in order."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(job_events)
                .where(job_events.c.job_id == job_id, job_events.c.version > after)
                .order_by(job_events.c.version)
            )
            return [
                JobEvent(
                    **{
                        **row._mapping,
                        "status": JobStatus(row.status),
                        "review": Review(row.review) if row.review else None,
                    }
                )
                for row in rows
            ]

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Cancel a job; its worker notices that the token is gone and kills the attempt.

        Raises NotFound, and Conflict when the job has finished.
        """
        now = self._clock()

        def work(connection: Connection) -> Job:
            job = transition(
                connection,
                and_(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id),
                JobStatus.CANCELLED,
                now,
                finished_at=now,
                **CLEARED_CLAIM,
            )
            if job is None:
                status = get_job(connection, tenant_id, job_id, brief=True).status
                past = "been cancelled" if status is JobStatus.CANCELLED else status
                raise Conflict(f"The job has already {past}.")
            end_attempt(connection, job, now, "cancelled")
            return job

        return await self._database.write(work)

    async def retry(self, tenant_id: str, job_id: str, *, extra_attempts: int) -> Job:
        """Queue a failed or cancelled job again, for `extra_attempts` more attempts.

        Raises NotFound, and Conflict when the job is in another state.
        """
        now = self._clock()

        def work(connection: Connection) -> Job:
            job = transition(
                connection,
                and_(
                    jobs.c.tenant_id == tenant_id,
                    jobs.c.id == job_id,
                    jobs.c.status.in_([JobStatus.FAILED, JobStatus.CANCELLED]),
                ),
                JobStatus.QUEUED,
                now,
                due_at=now,
                max_attempts=jobs.c.attempt + extra_attempts,
                progress=0.0,
                finished_at=None,
                run_ms=None,
                error_code=None,
                error_message=None,
            )
            if job is None:
                status = get_job(connection, tenant_id, job_id, brief=True).status
                raise Conflict(
                    f"Only failed and cancelled jobs can be retried; this one is {status}."
                )
            return job

        job = await self._database.write(work)
        self._on_queued()
        return job

    async def pause(self, feature: str, reason: str | None) -> Pause:
        """Start no more jobs of the feature, over all tenants, until `resume`.

        Running attempts go on, and jobs are still accepted. A second pause changes the reason only.
        """
        row = {"feature": feature, "paused_at": self._clock(), "reason": reason}

        def work(connection: Connection) -> Pause:
            pauses = paused_queues.c
            insert = self._database.insert(paused_queues).values(row)
            stored = connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["feature"], set_={"reason": reason}
                ).returning(pauses.paused_at, pauses.reason)
            ).one()
            return Pause(**stored._mapping)

        return await self._database.write(work)

    async def resume(self, feature: str) -> None:
        """End the feature's pause; does nothing when it isn't paused."""

        def work(connection: Connection) -> None:
            connection.execute(paused_queues.delete().where(paused_queues.c.feature == feature))

        await self._database.write(work)
        self._on_queued()

    async def pauses(self) -> Mapping[str, Pause]:
        """Return the pause of each feature whose queue is paused."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(paused_queues))
            return {row.feature: Pause(paused_at=row.paused_at, reason=row.reason) for row in rows}

    async def counts(self) -> Mapping[JobStatus, int]:
        """Return the number of queued and of running jobs, over all tenants."""
        filters = {JobStatus.QUEUED: queued_jobs(), JobStatus.RUNNING: running_jobs()}
        counts = {}
        async with self._database.read() as connection:
            for status, where in filters.items():
                count = await connection.scalar(select(func.count()).select_from(jobs).where(where))
                counts[status] = count or 0
        return counts

    async def queued_by_tenant(self) -> Mapping[str, int]:
        """Return the number of queued jobs by tenant."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(jobs.c.tenant_id, func.count().label("queued"))
                .where(queued_jobs())
                .group_by(jobs.c.tenant_id)
            )
            return {row.tenant_id: row.queued for row in rows}


def _payload_hash(new: NewJob) -> str:
    """Return a hash of all that an idempotency key stands for."""
    hashed = [new.input_payload, new.model_id, new.model_version]
    return hashlib.sha256(to_json(hashed, sort_keys=True).encode()).hexdigest()


def _content(job: NewJob | Job) -> object:
    """Return all that an idempotency key stands for, without nulls.

    Optional fields that a newer version knows are null in its payloads and missing in older ones.
    """
    return _without_nulls([job.input_payload, job.model_id, job.model_version])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(v) for name, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(entry) for entry in value]
    return value


def _used_before(new: NewJob, what: str) -> Conflict:
    return Conflict(f"The request_id {new.idempotency_key!r} was used before with another {what}.")
