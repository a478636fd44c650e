"""The queue as callers see it: submit, look, list, cancel, retry.

With claims.py, which is what runners do, this is the only code that changes a job's state.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, func, select

from jobs.queue.job import AttemptRecord, Job, JobEvent, JobStatus, NewJob
from jobs.queue.transitions import (
    CLEARED_CLAIM,
    JOB_COLUMNS,
    emit_events,
    end_attempt,
    get_job,
    job_from_row,
    past_tense,
    payload_hash,
    queued_jobs,
    referenced_image,
    running_jobs,
    transition,
)
from jobs.storage import schema
from jobs.storage.database import Database, tenant_filters
from sidecar.core.errors import Conflict
from sidecar.core.ids import new_id

jobs = schema.jobs
attempts = schema.attempts
job_events = schema.job_events


def utc_now() -> datetime:
    """The time that a service passes in as its clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which of a tenant's jobs to list."""

    feature: str | None = None
    status: JobStatus | None = None


@dataclass(frozen=True)
class JobSnapshot:
    """How far a job is, in short."""

    version: int
    status: JobStatus
    progress: float


class JobQueue:
    """The jobs in one database."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = utc_now,
        on_queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_queued` is called after a job was queued."""
        self._database = database
        self._clock = clock
        self._on_queued = on_queued
        self._insert = database.insert(jobs).on_conflict_do_nothing(
            index_elements=["tenant_id", "feature", "idempotency_key"]
        )

    async def submit(self, new: NewJob) -> Job:
        """A durable job. The same (tenant, feature, idempotency_key) gives the first job back.

        Raises Conflict when that key came before with another payload.
        """
        now = self._clock()
        fingerprint = payload_hash(new)
        job = Job(
            id=new_id("job_", now),
            tenant_id=new.tenant_id,
            user_id=new.user_id,
            feature=new.feature,
            status=JobStatus.QUEUED,
            version=1,
            priority=new.priority,
            request_id=new.request_id,
            input_payload=new.input_payload,
            attempt=0,
            max_attempts=new.max_attempts,
            attempt_token=None,
            progress=0.0,
            progress_detail=None,
            due_at=now,
            created_at=now,
            started_at=None,
            finished_at=None,
            error_code=None,
            error_message=None,
            model_id=new.model_id,
            model_version=new.model_version,
            artifact_id=None,
            callback_url=new.callback_url,
            traceparent=new.traceparent,
        )
        row = {
            **vars(job),
            "idempotency_key": new.idempotency_key,
            "fingerprint": fingerprint,
            "image_sha256": referenced_image(new.input_payload),
        }

        def work(connection: Connection) -> Job:
            if connection.execute(self._insert, row).rowcount:
                emit_events(connection, [job], now)
                return job
            first = (
                connection.execute(
                    select(*JOB_COLUMNS, jobs.c.fingerprint).where(
                        jobs.c.tenant_id == new.tenant_id,
                        jobs.c.feature == new.feature,
                        jobs.c.idempotency_key == new.idempotency_key,
                    )
                )
            ).one()
            if first.fingerprint != fingerprint:
                raise Conflict(
                    f"The request_id {new.idempotency_key!r} was used before with another payload."
                )
            return job_from_row(first)

        job = await self._database.write(work)
        self._on_queued()
        return job

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """Raises NotFound when this tenant has no such job."""
        async with self._database.read() as connection:
            return await connection.run_sync(get_job, tenant_id, job_id)

    async def attempts(self, job_id: str) -> Sequence[AttemptRecord]:
        """The job's attempts in order."""
        columns = [attempts.c[name] for name in AttemptRecord.__dataclass_fields__]
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(*columns).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
            )
            return [AttemptRecord(**row._mapping) for row in rows]

    async def list(
        self, tenant_id: str, wanted: JobFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[Job], int]:
        """One page, newest first, and how many match in all."""
        where = tenant_filters(jobs, tenant_id, asdict(wanted))
        rows, total = await self._database.page(jobs, where, limit=limit, offset=offset)
        return [job_from_row(row) for row in rows], total

    async def snapshots(self, job_ids: Collection[str]) -> Mapping[str, JobSnapshot | None]:
        """How far each of the jobs is; None for those that are gone."""
        found: dict[str, JobSnapshot | None] = dict.fromkeys(job_ids)
        wanted = sorted(job_ids)
        async with self._database.read() as connection:
            for start in range(0, len(wanted), 500):
                rows = await connection.execute(
                    select(jobs.c.id, jobs.c.version, jobs.c.status, jobs.c.progress).where(
                        jobs.c.id.in_(wanted[start : start + 500])
                    )
                )
                found |= {
                    row.id: JobSnapshot(row.version, JobStatus(row.status), row.progress)
                    for row in rows
                }
        return found

    async def events(self, job_id: str, *, after: int) -> Sequence[JobEvent]:
        """The job's changes of status with a version above `after`, in order."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(job_events)
                .where(job_events.c.job_id == job_id, job_events.c.version > after)
                .order_by(job_events.c.version)
            )
            return [JobEvent(**{**row._mapping, "status": JobStatus(row.status)}) for row in rows]

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Calls a job off; its runner notices that the token is gone and kills the attempt.

        Raises NotFound, and Conflict when the job has ended.
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
                ended = get_job(connection, tenant_id, job_id)
                raise Conflict(f"The job has already {past_tense(ended.status)}.")
            end_attempt(connection, job, now, "cancelled")
            return job

        return await self._database.write(work)

    async def retry(self, tenant_id: str, job_id: str, *, extra_attempts: int) -> Job:
        """Queues a failed or cancelled job again, with so many attempts more.

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
                error_code=None,
                error_message=None,
            )
            if job is None:
                there = get_job(connection, tenant_id, job_id)
                raise Conflict(
                    f"Only failed and cancelled jobs can be retried; this one is {there.status}."
                )
            return job

        job = await self._database.write(work)
        self._on_queued()
        return job

    async def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs wait and run, over all tenants."""
        found = {}
        async with self._database.read() as connection:
            for status, which in (
                (JobStatus.QUEUED, queued_jobs()),
                (JobStatus.RUNNING, running_jobs()),
            ):
                count = await connection.scalar(select(func.count()).select_from(jobs).where(which))
                found[status] = count or 0
        return found

    async def waiting(self) -> Mapping[str, int]:
        """How many jobs wait, by tenant."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(jobs.c.tenant_id, func.count().label("waiting"))
                .where(queued_jobs())
                .group_by(jobs.c.tenant_id)
            )
            return {row.tenant_id: row.waiting for row in rows}
