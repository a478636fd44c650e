"""The queue: submit, claim, renew, finish, fail, release, cancel, retry, rescue.

This is the only code that changes a job's state. A claim marks due rows as running and hands them
out under a fresh attempt token and a lease; every later write of that attempt names the token, so
that an attempt which lost its lease can't overwrite the one that came after it. The row alone
counts attempts.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import Conflict
from deployments.settings import Settings
from jobs import tables
from jobs.artifacts import insert_artifact
from jobs.backoff import Backoff
from jobs.database import Database
from jobs.ids import new_id
from jobs.job import AttemptError, Job, JobStatus, NewJob, Outcome
from jobs.transitions import (
    JOB_COLUMNS,
    RELEASED,
    artifact_of,
    end_attempt,
    fingerprint_of,
    get_job,
    held_by,
    job_of,
    move,
    move_all,
    past,
)

jobs = tables.jobs
attempts = tables.attempts


def utc_now() -> datetime:
    """The time that a service passes in as its clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which of a tenant's jobs to list."""

    feature: str | None = None
    status: JobStatus | None = None


class Queue:
    """The jobs in one database."""

    def __init__(
        self,
        database: Database,
        *,
        lease: timedelta = timedelta(seconds=30),
        backoff: Backoff | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._lease = lease
        self._backoff = backoff or Backoff()
        self._clock = clock

    @classmethod
    def configured(cls, database: Database, settings: Settings) -> "Queue":
        """The queue with the service's settings and the real clock."""
        return cls(
            database,
            lease=timedelta(seconds=settings.lease_s),
            backoff=Backoff(base_s=settings.retry_base_s, cap_s=settings.retry_cap_s),
        )

    # -- what callers do -------------------------------------------------------------------------

    async def submit(self, new: NewJob) -> Job:
        """A durable job. The same (tenant, feature, idempotency_key) gives the first job back.

        Raises Conflict when that key came before with another payload.
        """
        now = self._clock()
        fingerprint = fingerprint_of(new)
        row = {
            "id": new_id("job_", now),
            "tenant_id": new.tenant_id,
            "user_id": new.user_id,
            "feature": new.feature,
            "status": JobStatus.QUEUED,
            "priority": new.priority,
            "request_id": new.request_id,
            "idempotency_key": new.idempotency_key,
            "fingerprint": fingerprint,
            "input_payload": new.input_payload,
            "attempt": 0,
            "max_attempts": new.max_attempts,
            "progress": 0.0,
            "due_at": now,
            "created_at": now,
            "model_id": new.model_id,
            "model_version": new.model_version,
        }

        async def work(connection: AsyncConnection) -> Job:
            added = (
                await connection.execute(
                    self._database.insert(jobs)
                    .values(row)
                    .on_conflict_do_nothing(
                        index_elements=["tenant_id", "feature", "idempotency_key"]
                    )
                    .returning(*JOB_COLUMNS)
                )
            ).one_or_none()
            if added is not None:
                return job_of(added)
            first = (
                await connection.execute(
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
            return job_of(first)

        return await self._database.write(work)

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """Raises NotFound when this tenant has no such job."""
        async with self._database.read() as connection:
            return await get_job(connection, tenant_id, job_id)

    async def list(
        self, tenant_id: str, wanted: JobFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[Job], int]:
        """One page, newest first, and how many match in all."""
        where = [jobs.c.tenant_id == tenant_id]
        where += [
            jobs.c[name] == value for name, value in asdict(wanted).items() if value is not None
        ]
        rows, total = await self._database.page(jobs, where, limit=limit, offset=offset)
        return [job_of(row) for row in rows], total

    async def ended(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the given jobs that are neither queued nor running (any more)."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(jobs.c.id).where(
                    jobs.c.id.in_(job_ids),
                    jobs.c.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
                )
            )
            return set(job_ids) - set(rows.scalars())

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Calls a job off; its runner notices that the token is gone and kills the attempt.

        Raises NotFound, and Conflict when the job has ended.
        """
        now = self._clock()

        async def work(connection: AsyncConnection) -> Job:
            job = await move(
                connection,
                and_(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id),
                JobStatus.CANCELLED,
                finished_at=now,
                **RELEASED,
            )
            if job is None:
                ended = await get_job(connection, tenant_id, job_id)
                raise Conflict(f"The job has already {past(ended.status)}.")
            await end_attempt(connection, job, now, "cancelled")
            return job

        return await self._database.write(work)

    async def retry(self, tenant_id: str, job_id: str, *, attempts_more: int) -> Job:
        """Queues a failed or cancelled job again, with so many attempts more.

        Raises NotFound, and Conflict when the job is in another state.
        """
        now = self._clock()

        async def work(connection: AsyncConnection) -> Job:
            job = await move(
                connection,
                and_(
                    jobs.c.tenant_id == tenant_id,
                    jobs.c.id == job_id,
                    jobs.c.status.in_([JobStatus.FAILED, JobStatus.CANCELLED]),
                ),
                JobStatus.QUEUED,
                due_at=now,
                max_attempts=jobs.c.attempt + attempts_more,
                progress=0.0,
                finished_at=None,
                error_code=None,
                error_message=None,
            )
            if job is None:
                there = await get_job(connection, tenant_id, job_id)
                raise Conflict(
                    f"Only failed and cancelled jobs can be retried; this one is {there.status}."
                )
            return job

        return await self._database.write(work)

    # -- what runners do -------------------------------------------------------------------------

    async def claim(self, runner: str, features: Sequence[str], limit: int) -> Sequence[Job]:
        """Up to `limit` due jobs, now running under a fresh token, in the order to start them."""
        now = self._clock()
        due = (
            select(jobs.c.id)
            .where(
                jobs.c.status == JobStatus.QUEUED,
                jobs.c.due_at <= now,
                jobs.c.feature.in_(features),
            )
            .order_by(jobs.c.priority, jobs.c.due_at, jobs.c.id)
        )
        async with self._database.read() as connection:
            # Most looks find nothing, and then the write lock is left alone.
            if (await connection.execute(due.limit(1))).first() is None:
                return []
        token = secrets.token_hex(16)
        # Materialised, or PostgreSQL may run the locked query again and claim more than the limit.
        locked = due.limit(limit).with_for_update(skip_locked=True)
        picked = locked.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")

        async def work(connection: AsyncConnection) -> Sequence[Job]:
            rows = await connection.execute(
                update(jobs)
                .where(jobs.c.id.in_(select(picked.c.id)))
                .values(
                    status=JobStatus.RUNNING,
                    attempt=jobs.c.attempt + 1,
                    attempt_token=token,
                    lease_expires_at=now + self._lease,
                    started_at=func.coalesce(jobs.c.started_at, now),
                    progress=0.0,
                )
                .returning(*JOB_COLUMNS)
            )
            claimed = sorted(map(job_of, rows), key=lambda job: (job.priority, job.due_at, job.id))
            if claimed:
                await connection.execute(
                    insert(attempts),
                    [
                        {
                            "job_id": job.id,
                            "number": job.attempt,
                            "runner": runner,
                            "started_at": now,
                        }
                        for job in claimed
                    ],
                )
            return claimed

        return await self._database.write(work)

    async def still_held(self, held: Sequence[Job]) -> set[str]:
        """Ids of those running jobs that still carry the token they were claimed with."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(jobs.c.id).where(held_by(held)))
            return set(rows.scalars())

    async def renew(self, held: Sequence[Job]) -> None:
        """Extends the leases of those jobs that are still held."""
        expires_at = self._clock() + self._lease

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                update(jobs).where(held_by(held)).values(lease_expires_at=expires_at)
            )

        await self._database.write(work)

    async def report_progress(self, held: Job, progress: float) -> None:
        """Records how far the attempt is, 0 to 1; nothing when it is no longer held."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(jobs).where(held_by([held])).values(progress=progress))

        await self._database.write(work)

    async def succeed(self, held: Job, outcome: Outcome) -> bool:
        """Ends the job with its one result. False when the attempt no longer held it: the result is
        dropped, for another attempt has it or nobody wants it.
        """
        now = self._clock()
        artifact_id = new_id("art_", now)

        async def work(connection: AsyncConnection) -> bool:
            job = await move(
                connection,
                held_by([held]),
                JobStatus.SUCCEEDED,
                progress=1.0,
                finished_at=now,
                artifact_id=artifact_id,
                model_id=outcome.model_id,
                model_version=outcome.model_version,
                error_code=None,
                error_message=None,
                **RELEASED,
            )
            if job is None:
                return False
            await end_attempt(connection, job, now, "succeeded")
            await insert_artifact(connection, artifact_of(job, now, artifact_id, outcome, None))
            return True

        return await self._database.write(work)

    async def fail(self, held: Job, error: AttemptError) -> Job | None:
        """Ends the attempt: back to the queue after a pause, or failed when the error can't be
        retried or the attempts are used up. None when the attempt no longer held the job.
        """
        now = self._clock()
        again = error.retryable and held.attempt < held.max_attempts
        values: dict[str, Any] = (
            {"due_at": now + self._backoff.delay(held.attempt), "progress": 0.0}
            if again
            else {"finished_at": now}
        )

        async def work(connection: AsyncConnection) -> Job | None:
            job = await move(
                connection,
                held_by([held]),
                JobStatus.QUEUED if again else JobStatus.FAILED,
                error_code=error.code,
                error_message=error.message,
                **values,
                **RELEASED,
            )
            if job is None:
                return None
            await end_attempt(connection, job, now, "failed", error)
            if not again:
                artifact_id = new_id("art_", now)
                await insert_artifact(connection, artifact_of(job, now, artifact_id, None, error))
            return job

        return await self._database.write(work)

    async def release(self, held: Sequence[Job]) -> None:
        """Gives jobs back that a runner can't finish because it is asked to stop. The attempt
        stays in the history and doesn't count against the job.
        """
        if held:
            await self._requeue(held_by(held), self._clock(), "released", grant=1)

    async def rescue(self) -> int:
        """Takes back every job whose lease ran out; returns how many there were.

        Those with attempts left are queued again at once; the others fail.
        """
        now = self._clock()
        expired = and_(jobs.c.status == JobStatus.RUNNING, jobs.c.lease_expires_at < now)
        async with self._database.read() as connection:
            if (
                await connection.execute(select(jobs.c.id).where(expired).limit(1))
            ).first() is None:
                return 0
        lost = AttemptError(
            code="internal",
            message="The process that ran the job disappeared.",
            retryable=True,
        )

        async def fail_spent(connection: AsyncConnection) -> int:
            failed = await move_all(
                connection,
                and_(expired, jobs.c.attempt >= jobs.c.max_attempts),
                JobStatus.FAILED,
                finished_at=now,
                error_code=lost.code,
                error_message=lost.message,
                **RELEASED,
            )
            for job in failed:
                await end_attempt(connection, job, now, "lost", lost)
                artifact_id = new_id("art_", now)
                await insert_artifact(connection, artifact_of(job, now, artifact_id, None, lost))
            return len(failed)

        failed = await self._database.write(fail_spent)
        return failed + await self._requeue(expired, now, "lost", grant=0, error=lost)

    async def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs wait and run, over all tenants."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(jobs.c.status, func.count())
                .where(jobs.c.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
                .group_by(jobs.c.status)
            )
            found = {JobStatus(status): count for status, count in rows}
        return {status: found.get(status, 0) for status in (JobStatus.QUEUED, JobStatus.RUNNING)}

    async def _requeue(
        self,
        which: ColumnElement[bool],
        now: datetime,
        outcome: str,
        *,
        grant: int,
        error: AttemptError | None = None,
    ) -> int:
        async def work(connection: AsyncConnection) -> int:
            moved = await move_all(
                connection,
                which,
                JobStatus.QUEUED,
                due_at=now,
                progress=0.0,
                max_attempts=jobs.c.max_attempts + grant,
                error_code=error.code if error else jobs.c.error_code,
                error_message=error.message if error else jobs.c.error_message,
                **RELEASED,
            )
            for job in moved:
                await end_attempt(connection, job, now, outcome, error)
            return len(moved)

        return await self._database.write(work)
