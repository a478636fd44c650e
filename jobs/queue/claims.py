"""The queue for workers: claim, renew, finish, fail, release, reclaim.

A claim marks due rows as running and returns them with a fresh attempt token and a lease. Every
later write of that attempt names the token, so an attempt that lost its lease can't overwrite its
successor. The row alone counts attempts.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from jobs.queue.clock_steps import ClockWatch
from jobs.queue.deduplication import mark_duplicate
from jobs.queue.fair_scheduling import TenantLane, allocate_slots, running_by_tenant
from jobs.queue.job import AttemptError, Job, JobResult, JobStatus, Priority, Review
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
from jobs.storage.artifacts import insert_artifact
from jobs.storage.database import AdvisoryLock, Database
from jobs.storage.schema import UtcDateTime, attempts, jobs, paused_queues
from sidecar.core.backoff import Backoff
from sidecar.core.errors import DeadlineExceeded, OutOfMemory
from sidecar.core.ids import new_id
from sidecar.core.settings import Settings

# Statements are built once: building one takes longer than running it.
_ANY_QUEUED = select(1).where(queued_jobs()).limit(1)
_INSERT_ATTEMPT = insert(attempts)
_LANES = {
    priority: TenantLane(
        tenant=jobs.c.tenant_id,
        pending=and_(has_status(JobStatus.QUEUED), jobs.c.priority == priority),
        due=and_(
            jobs.c.due_at <= bindparam("now"),
            jobs.c.feature.in_(bindparam("features", expanding=True)),
            jobs.c.feature.not_in(select(paused_queues.c.feature)),
        ),
    )
    for priority in Priority
}


def _claim_statement(lane: TenantLane) -> ReturningUpdate[*tuple[Any, ...]]:
    """Return the UPDATE that claims the first `max_jobs` due jobs of `claimed_tenant`."""
    first = (
        select(jobs.c.id)
        .where(lane.pending, jobs.c.tenant_id == bindparam("claimed_tenant"), lane.due)
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(bindparam("max_jobs"))
        .with_for_update(skip_locked=True)
    )
    # Materialized: else PostgreSQL may run the locking query again and claim more than the limit.
    locked = first.cte("first").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        update(jobs)
        .where(jobs.c.id.in_(select(locked.c.id)))
        .values(
            status=JobStatus.RUNNING,
            version=jobs.c.version + 1,
            attempt=jobs.c.attempt + 1,
            attempt_token=bindparam("token"),
            lease_expires_at=bindparam("expires_at"),
            started_at=func.coalesce(jobs.c.started_at, bindparam("now", type_=UtcDateTime())),
            progress=0.0,
        )
        .returning(*JOB_COLUMNS)
    )


_CLAIM = {priority: _claim_statement(lane) for priority, lane in _LANES.items()}

_LOST = AttemptError(
    code="internal", message="The process that ran the job disappeared.", retryable=True
)
#: Codes of exceeded limits: another attempt will most likely exceed them too.
_LIMITS: Final = frozenset({DeadlineExceeded.code, OutOfMemory.code})


class Claims:
    """The claims of one worker on the jobs in a database."""

    def __init__(
        self,
        database: Database,
        *,
        runner: str,
        lease: timedelta = timedelta(seconds=30),
        backoff: Backoff | None = None,
        tenant_cap: int | None = None,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`runner` is the worker's name in the attempts' history.

        At most `tenant_cap` jobs of one tenant run at once, over all workers.
        """
        self._database = database
        self._runner = runner
        self._lease = lease
        self._backoff = backoff or Backoff()
        self._tenant_cap = tenant_cap
        self._clock = clock
        self._clock_watch = ClockWatch(
            clock,
            lease=lease,
            max_delay=timedelta(seconds=self._backoff.cap_s),
            monotonic=monotonic,
        )
        #: The tenant that was served last in each lane; the one after it is next.
        self._last_served: dict[Priority, str] = {}

    @classmethod
    def configured(cls, database: Database, settings: Settings, *, runner: str) -> "Claims":
        """Return claims with the service's settings."""
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
        """Claim up to `limit` due jobs of queues that aren't paused; return them in order.

        Interactive jobs go first. Within a priority, the tenant with the fewest running jobs is
        served, and of several the one served longest ago. So a tenant with thousands of queued
        jobs delays another's only job by one job at most.
        """
        due = {"now": self._clock(), "features": list(features)}
        async with self._database.read() as connection:
            lanes = await connection.run_sync(self._next_tenants, due, limit)
        if not any(lanes.values()):
            return []
        token = secrets.token_hex(16)

        def work(connection: Connection) -> Sequence[Job]:
            if self._tenant_cap is not None:
                self._database.advisory_lock(connection, AdvisoryLock.CLAIM)
            claimed: list[Job] = []
            running = Counter(running_by_tenant(connection))
            for priority, tenants in lanes.items():
                slots = limit - len(claimed)
                for tenant_id, max_jobs in Counter(
                    allocate_slots(tenants, running, slots=slots, cap=self._tenant_cap)
                ).items():
                    first = {**due, "claimed_tenant": tenant_id, "max_jobs": max_jobs}
                    started = self._start(connection, priority, first, token)
                    running[tenant_id] += len(started)
                    claimed += started
            return claimed

        claimed = await self._database.write(work)
        for job in claimed:
            self._last_served[Priority(job.priority)] = job.tenant_id
        return claimed

    def _next_tenants(
        self, connection: Connection, due: Mapping[str, Any], limit: int
    ) -> Mapping[Priority, Sequence[str]]:
        # Most polls find nothing and then don't take the write lock.
        if not connection.scalar(_ANY_QUEUED):
            return {}
        running = running_by_tenant(connection)
        return {
            priority: lane.next_tenants(
                connection,
                after=self._last_served.get(priority, ""),
                limit=limit + len(running),
                **due,
            )
            for priority, lane in _LANES.items()
        }

    def _start(
        self, connection: Connection, priority: Priority, first: Mapping[str, Any], token: str
    ) -> Sequence[Job]:
        """Claim one tenant's first due jobs and record their attempts."""
        now = first["now"]
        rows = connection.execute(
            _CLAIM[priority], {**first, "token": token, "expires_at": now + self._lease}
        )
        started = sorted(map(job_from_row, rows), key=lambda job: (job.due_at, job.id))
        attempt_rows = [
            {"job_id": job.id, "number": job.attempt, "runner": self._runner, "started_at": now}
            for job in started
        ]
        if attempt_rows:
            connection.execute(_INSERT_ATTEMPT, attempt_rows)
        emit_events(connection, started, now)
        return started

    async def find_still_claimed(self, claimed: Sequence[Job]) -> set[tuple[str, str]]:
        """Return id and token of the jobs that still run under the token of their claim."""
        async with self._database.read() as connection:
            return await connection.run_sync(find_still_claimed, claimed)

    async def renew(self, claimed: Sequence[Job]) -> None:
        """Extend the leases of the jobs that are still claimed."""
        expires_at = self._clock() + self._lease

        def work(connection: Connection) -> None:
            connection.execute(
                update(jobs).where(claimed_filter(claimed)).values(lease_expires_at=expires_at)
            )

        await self._database.write(work)

    async def report_progress(
        self, claimed: Job, progress: float, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Store the attempt's progress, 0 to 1, and its intermediate result.

        Does nothing when the claim was lost.
        """
        await self._database.write(
            lambda connection: report_progress(connection, claimed, progress, detail)
        )

    async def succeed(self, claimed: Job, result: JobResult) -> bool:
        """Finish the job with its one result.

        Returns False when the claim was lost: the result is dropped, because another attempt has
        the job or it was cancelled.
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
                run_ms=_run_ms(claimed, now),
                artifact_id=artifact_id,
                model_id=result.model_id,
                model_version=result.model_version,
                error_code=None,
                error_message=None,
                review=Review.PENDING if result.needs_review else None,
                merchant=result.merchant.casefold()[:200] if result.merchant else None,
                confidence=result.confidence,
            )
            if job is None:
                return False
            end_attempt(connection, job, now, "succeeded")
            marked = mark_duplicate(connection, job, result)
            insert_artifact(connection, artifact_of(job, now, artifact_id, marked, None))
            return True

        return await self._database.write(work)

    async def fail(self, claimed: Job, error: AttemptError) -> Job | None:
        """End the attempt: queue the job again after a backoff, or fail it.

        The job fails when the error can't be retried or the attempts are used up. One that exceeded
        a limit of time or memory is tried once more, because other work may have slowed it, and
        fails when it exceeds the same one again. Returns None when the claim was lost.
        """
        now = self._clock()
        retry = claimed.attempt < claimed.max_attempts and (
            claimed.error_code != error.code if error.code in _LIMITS else error.retryable
        )
        values: dict[str, Any] = (
            {"due_at": now + self._backoff.delay(claimed.attempt), "progress": 0.0}
            if retry
            else {"finished_at": now, "run_ms": _run_ms(claimed, now)}
        )

        def work(connection: Connection) -> Job | None:
            job = finish_claimed(
                connection,
                claimed,
                JobStatus.QUEUED if retry else JobStatus.FAILED,
                now,
                error_code=error.code,
                error_message=error.message,
                **values,
            )
            if job is None:
                return None
            end_attempt(connection, job, now, "failed", error)
            if not retry:
                artifact_id = new_id("art_", now)
                insert_artifact(connection, artifact_of(job, now, artifact_id, None, error))
            return job

        return await self._database.write(work)

    async def release(self, claimed: Sequence[Job]) -> None:
        """Queue jobs again that a stopping worker can't finish.

        The attempt stays in the history but doesn't count against the job.
        """
        if claimed:
            where = claimed_filter(claimed)
            await self._requeue(where, self._clock(), "released", extra_attempts=1)

    async def reclaim_expired(self) -> int:
        """Take back every job with an expired lease and return how many there were.

        Jobs with attempts left are queued again at once; the others fail. After the clock was set,
        nothing is taken back for the time of a lease, in which the living renew theirs.
        """
        now = self._clock()
        if not await self._clock_watch.can_trust_leases(self._database):
            return 0
        expired = and_(has_status(JobStatus.RUNNING), jobs.c.lease_expires_at < now)
        async with self._database.read() as connection:
            if await connection.scalar(select(jobs.c.id).where(expired).limit(1)) is None:
                return 0

        def fail_exhausted(connection: Connection) -> int:
            failed = transition_many(
                connection,
                and_(expired, jobs.c.attempt >= jobs.c.max_attempts),
                JobStatus.FAILED,
                now,
                finished_at=now,
                error_code=_LOST.code,
                error_message=_LOST.message,
                **CLEARED_CLAIM,
            )
            for job in failed:
                end_attempt(connection, job, now, "lost", _LOST)
                artifact_id = new_id("art_", now)
                insert_artifact(connection, artifact_of(job, now, artifact_id, None, _LOST))
            return len(failed)

        failed = await self._database.write(fail_exhausted)
        return failed + await self._requeue(expired, now, "lost", extra_attempts=0, error=_LOST)

    async def _requeue(
        self,
        where: ColumnElement[bool],
        now: datetime,
        outcome: str,
        *,
        extra_attempts: int,
        error: AttemptError | None = None,
    ) -> int:
        def work(connection: Connection) -> int:
            requeued = transition_many(
                connection,
                where,
                JobStatus.QUEUED,
                now,
                due_at=now,
                progress=0.0,
                max_attempts=jobs.c.max_attempts + extra_attempts,
                error_code=error.code if error else jobs.c.error_code,
                error_message=error.message if error else jobs.c.error_message,
                **CLEARED_CLAIM,
            )
            for job in requeued:
                end_attempt(connection, job, now, outcome, error)
            return len(requeued)

        return await self._database.write(work)


def _run_ms(claimed: Job, now: datetime) -> int:
    # The clock may have been set back meanwhile.
    return max(0, round((now - (claimed.started_at or now)).total_seconds() * 1000))
