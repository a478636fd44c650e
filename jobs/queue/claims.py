"""The queue as runners see it: claim, renew, finish, fail, release, rescue.

A claim marks due rows as running and hands them out under a fresh attempt token and a lease; every
later write of that attempt names the token, so that an attempt which lost its lease can't overwrite
the one that came after it. The row alone counts attempts.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from jobs.queue.deduplication import mark_duplicate
from jobs.queue.fair_scheduling import TenantLane, allocate_slots, running_by_tenant
from jobs.queue.job import AttemptError, Job, JobResult, JobStatus, Priority
from jobs.queue.queue import utc_now
from jobs.queue.transitions import (
    CLEARED_CLAIM,
    JOB_COLUMNS,
    artifact_of,
    claimed_filter,
    emit_events,
    end_attempt,
    find_still_claimed,
    finish_claimed,
    has_status,
    job_from_row,
    queued_jobs,
    report_progress,
    transition_many,
)
from jobs.storage import schema
from jobs.storage.artifacts import insert_artifact
from jobs.storage.database import AdvisoryLock, Database
from jobs.storage.schema import UtcDateTime
from sidecar.core.backoff import Backoff
from sidecar.core.ids import new_id
from sidecar.core.settings import Settings

jobs = schema.jobs
attempts = schema.attempts

Start = ReturningUpdate[*tuple[Any, ...]]

# Built once: that takes longer than to run them.
_ANY_WAITS = select(1).where(queued_jobs()).limit(1)
_INSERT_ATTEMPT = insert(attempts)
_LINES = {
    priority: TenantLane(
        tenant=jobs.c.tenant_id,
        waiting=and_(has_status(JobStatus.QUEUED), jobs.c.priority == priority),
        due=and_(
            jobs.c.due_at <= bindparam("now"),
            jobs.c.feature.in_(bindparam("features", expanding=True)),
        ),
    )
    for priority in Priority
}


def _start_first(line: TenantLane) -> Start:
    """Starts the first `most` jobs `of_tenant` in the line, under a `token` `until` then."""
    first = (
        select(jobs.c.id)
        .where(line.waiting, jobs.c.tenant_id == bindparam("of_tenant"), line.due)
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    # Materialised, or PostgreSQL may run the locked query again and claim more than the limit.
    picked = first.cte("first").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        update(jobs)
        .where(jobs.c.id.in_(select(picked.c.id)))
        .values(
            status=JobStatus.RUNNING,
            version=jobs.c.version + 1,
            attempt=jobs.c.attempt + 1,
            attempt_token=bindparam("token"),
            lease_expires_at=bindparam("until"),
            started_at=func.coalesce(jobs.c.started_at, bindparam("now", type_=UtcDateTime())),
            progress=0.0,
        )
        .returning(*JOB_COLUMNS)
    )


_START = {priority: _start_first(line) for priority, line in _LINES.items()}


class Claims:
    """The jobs that one runner takes from a database, and what becomes of them."""

    def __init__(
        self,
        database: Database,
        *,
        runner: str,
        lease: timedelta = timedelta(seconds=30),
        backoff: Backoff | None = None,
        tenant_cap: int | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`runner` is its name in the attempts' history; `tenant_cap` is how many jobs of one
        tenant may run at once, over all runners.
        """
        self._database = database
        self._runner = runner
        self._lease = lease
        self._backoff = backoff or Backoff()
        self._tenant_cap = tenant_cap
        self._clock = clock
        #: The tenant that was served last in each line; the one after it is next.
        self._last_served: dict[Priority, str] = {}

    @classmethod
    def configured(cls, database: Database, settings: Settings, *, runner: str) -> "Claims":
        """With the service's settings and the real clock."""
        return cls(
            database,
            runner=runner,
            lease=timedelta(seconds=settings.job.lease_s),
            backoff=Backoff(
                base_s=settings.job.retry_backoff_base_s, cap_s=settings.job.retry_backoff_max_s
            ),
            tenant_cap=settings.job.tenant_concurrency or None,
        )

    async def claim(self, features: Sequence[str], limit: int) -> Sequence[Job]:
        """Up to `limit` due jobs, now running under a fresh token, in the order to start them.

        Those that somebody waits for go first. Within a priority the tenant with the fewest jobs
        running is served, and of several the one that was not served for longest; so whoever has
        thousands in line delays another's only job by one of theirs at most.
        """
        line = {"now": self._clock(), "features": list(features)}
        async with self._database.read() as connection:
            turns = await connection.run_sync(self._next_tenants, line, limit)
        if not any(turns.values()):
            return []
        token = secrets.token_hex(16)

        def work(connection: Connection) -> Sequence[Job]:
            if self._tenant_cap is not None:
                self._database.advisory_lock(connection, AdvisoryLock.CLAIM)
            claimed: list[Job] = []
            load = Counter(running_by_tenant(connection))
            for priority, tenants in turns.items():
                slots = limit - len(claimed)
                for tenant_id, most in Counter(
                    allocate_slots(tenants, load, slots=slots, cap=self._tenant_cap)
                ).items():
                    first = {**line, "of_tenant": tenant_id, "most": most}
                    started = self._start(connection, _START[priority], first, token)
                    load[tenant_id] += len(started)
                    claimed += started
            return claimed

        claimed = await self._database.write(work)
        for job in claimed:
            self._last_served[Priority(job.priority)] = job.tenant_id
        return claimed

    def _next_tenants(
        self, connection: Connection, line: Mapping[str, Any], limit: int
    ) -> Mapping[Priority, Sequence[str]]:
        """In each line the tenants whose turn it is."""
        # Most looks find nothing, and then the write lock is left alone.
        if not connection.scalar(_ANY_WAITS):
            return {}
        running = running_by_tenant(connection)
        return {
            priority: _LINES[priority].next_tenants(
                connection,
                after=self._last_served.get(priority, ""),
                most=limit + len(running),
                **line,
            )
            for priority in Priority
        }

    def _start(
        self,
        connection: Connection,
        statement: ReturningUpdate[*tuple[Any, ...]],
        first: Mapping[str, Any],
        token: str,
    ) -> Sequence[Job]:
        """The first of one tenant's line, now running."""
        now = first["now"]
        rows = connection.execute(statement, {**first, "token": token, "until": now + self._lease})
        started = sorted(map(job_from_row, rows), key=lambda job: (job.due_at, job.id))
        if started:
            connection.execute(
                _INSERT_ATTEMPT,
                [
                    {
                        "job_id": job.id,
                        "number": job.attempt,
                        "runner": self._runner,
                        "started_at": now,
                    }
                    for job in started
                ],
            )
            emit_events(connection, started, now)
        return started

    async def find_still_claimed(self, claimed: Sequence[Job]) -> set[tuple[str, str]]:
        """Id and token of those that still run under the token they were claimed with."""
        async with self._database.read() as connection:
            return await connection.run_sync(find_still_claimed, claimed)

    async def renew(self, claimed: Sequence[Job]) -> None:
        """Extends the leases of those jobs that are still held."""
        expires_at = self._clock() + self._lease

        def work(connection: Connection) -> None:
            connection.execute(
                update(jobs).where(claimed_filter(claimed)).values(lease_expires_at=expires_at)
            )

        await self._database.write(work)

    async def report_progress(
        self, claimed: Job, progress: float, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Records how far the attempt is, 0 to 1, and what it has; nothing when it is no longer
        held.
        """

        await self._database.write(
            lambda connection: report_progress(connection, claimed, progress, detail)
        )

    async def succeed(self, claimed: Job, outcome: JobResult) -> bool:
        """Ends the job with its one result. False when the attempt no longer held it: the result is
        dropped, for another attempt has it or nobody wants it.
        """
        now = self._clock()
        artifact_id = new_id("art_", now)

        def work(connection: Connection) -> bool:
            job = finish_claimed(
                connection,
                claimed,
                JobStatus.SUCCEEDED,
                now,
                progress=1.0,
                finished_at=now,
                artifact_id=artifact_id,
                model_id=outcome.model_id,
                model_version=outcome.model_version,
                error_code=None,
                error_message=None,
            )
            if job is None:
                return False
            end_attempt(connection, job, now, "succeeded")
            told = mark_duplicate(connection, job, outcome)
            insert_artifact(connection, artifact_of(job, now, artifact_id, told, None))
            return True

        return await self._database.write(work)

    async def fail(self, claimed: Job, error: AttemptError) -> Job | None:
        """Ends the attempt: back to the queue after a pause, or failed when the error can't be
        retried or the attempts are used up. None when the attempt no longer held the job.
        """
        now = self._clock()
        again = error.retryable and claimed.attempt < claimed.max_attempts
        values: dict[str, Any] = (
            {"due_at": now + self._backoff.delay(claimed.attempt), "progress": 0.0}
            if again
            else {"finished_at": now}
        )

        def work(connection: Connection) -> Job | None:
            job = finish_claimed(
                connection,
                claimed,
                JobStatus.QUEUED if again else JobStatus.FAILED,
                now,
                error_code=error.code,
                error_message=error.message,
                **values,
            )
            if job is None:
                return None
            end_attempt(connection, job, now, "failed", error)
            if not again:
                artifact_id = new_id("art_", now)
                insert_artifact(connection, artifact_of(job, now, artifact_id, None, error))
            return job

        return await self._database.write(work)

    async def release(self, claimed: Sequence[Job]) -> None:
        """Gives jobs back that a runner can't finish because it is asked to stop. The attempt
        stays in the history and doesn't count against the job.
        """
        if claimed:
            await self._requeue(claimed_filter(claimed), self._clock(), "released", grant=1)

    async def reclaim_expired(self) -> int:
        """Takes back every job whose lease ran out; returns how many there were.

        Those with attempts left are queued again at once; the others fail.
        """
        now = self._clock()
        expired = and_(has_status(JobStatus.RUNNING), jobs.c.lease_expires_at < now)
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

        def fail_spent(connection: Connection) -> int:
            failed = transition_many(
                connection,
                and_(expired, jobs.c.attempt >= jobs.c.max_attempts),
                JobStatus.FAILED,
                now,
                finished_at=now,
                error_code=lost.code,
                error_message=lost.message,
                **CLEARED_CLAIM,
            )
            for job in failed:
                end_attempt(connection, job, now, "lost", lost)
                artifact_id = new_id("art_", now)
                insert_artifact(connection, artifact_of(job, now, artifact_id, None, lost))
            return len(failed)

        failed = await self._database.write(fail_spent)
        return failed + await self._requeue(expired, now, "lost", grant=0, error=lost)

    async def _requeue(
        self,
        which: ColumnElement[bool],
        now: datetime,
        outcome: str,
        *,
        grant: int,
        error: AttemptError | None = None,
    ) -> int:
        def work(connection: Connection) -> int:
            moved = transition_many(
                connection,
                which,
                JobStatus.QUEUED,
                now,
                due_at=now,
                progress=0.0,
                max_attempts=jobs.c.max_attempts + grant,
                error_code=error.code if error else jobs.c.error_code,
                error_message=error.message if error else jobs.c.error_message,
                **CLEARED_CLAIM,
            )
            for job in moved:
                end_attempt(connection, job, now, outcome, error)
            return len(moved)

        return await self._database.write(work)
