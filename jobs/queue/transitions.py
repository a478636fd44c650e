"""The rows of the queue: reads and transitions between the states.

Every function works within a transaction of its caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from jobs.queue.job import (
    FINAL,
    TRANSITIONS,
    AttemptError,
    Job,
    JobResult,
    JobStatus,
    Priority,
    Review,
)
from jobs.storage.artifacts import Artifact
from jobs.storage.brief_rows import brief_columns
from jobs.storage.schema import attempts, job_events, jobs, webhooks
from sidecar.core.errors import NotFound

JOB_COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]
#: For lists: without large payloads.
BRIEF_JOB_COLUMNS = brief_columns(jobs, JOB_COLUMNS)

# Statements are built once: building one takes longer than running it.
_INSERT_EVENT = insert(job_events)
_END_ATTEMPT = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("ended_job_id"),
        attempts.c.number == bindparam("ended_number"),
        attempts.c.ended_at.is_(None),
    )
    .values(
        ended_at=bindparam("now"),
        outcome=bindparam("new_outcome"),
        error_code=bindparam("code"),
        error_message=bindparam("message"),
    )
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Columns that are cleared when an attempt ends.
CLEARED_CLAIM: Mapping[str, Any] = {
    "attempt_token": None,
    "lease_expires_at": None,
    "progress_detail": None,
}


def has_status(status: JobStatus) -> ColumnElement[bool]:
    """Return the condition with a literal: a parameter may keep the planner off partial indexes."""
    return jobs.c.status == literal_column(f"'{status.value}'")


_IS_RUNNING = has_status(JobStatus.RUNNING)
_IS_CLAIMED = and_(
    _IS_RUNNING,
    jobs.c.id == bindparam("claimed_id"),
    jobs.c.attempt_token == bindparam("claimed_token"),
)
_STILL_CLAIMED = select(jobs.c.id, jobs.c.attempt_token).where(
    _IS_RUNNING,
    jobs.c.id.in_(bindparam("claimed_ids", expanding=True)),
    tuple_(jobs.c.id, jobs.c.attempt_token).in_(bindparam("claimed_keys", expanding=True)),
)
_REPORT_PROGRESS = (
    update(jobs)
    .where(_IS_CLAIMED)
    .values(progress=bindparam("fraction"), progress_detail=bindparam("detail"))
)
#: Columns that the end of an attempt may change, besides the progress.
_FINAL_COLUMNS = (
    "status",
    "version",
    "due_at",
    "finished_at",
    "error_code",
    "error_message",
    "model_id",
    "model_version",
    "artifact_id",
    "review",
    "merchant",
    "confidence",
    "run_ms",
)
_FINISH_CLAIMED = (
    update(jobs)
    .where(_IS_CLAIMED)
    .values(
        **{name: bindparam(f"new_{name}") for name in _FINAL_COLUMNS},
        progress=func.coalesce(bindparam("new_progress"), jobs.c.progress),
        **CLEARED_CLAIM,
    )
    .returning(jobs.c.progress)
)


def queued_jobs() -> ColumnElement[bool]:
    """Return the condition of a queued job, with the first column of its partial index.

    With the status alone, SQLite would rather walk a larger index that covers the query.
    """
    return and_(has_status(JobStatus.QUEUED), jobs.c.priority.in_(list(Priority)))


def running_jobs() -> ColumnElement[bool]:
    """Return the condition of a running job; see `queued_jobs` about the second column."""
    return and_(has_status(JobStatus.RUNNING), jobs.c.lease_expires_at > _EPOCH)


def transition(
    connection: Connection,
    where: ColumnElement[bool],
    to: JobStatus,
    now: datetime,
    **values: Any,
) -> Job | None:
    """Move one job like `transition_many`; None when no job matches."""
    changed = transition_many(connection, where, to, now, **values)
    return changed[0] if changed else None


def transition_many(
    connection: Connection,
    where: ColumnElement[bool],
    to: JobStatus,
    now: datetime,
    *,
    brief: bool = False,
    **values: Any,
) -> Sequence[Job]:
    """Move the matching jobs to a state, from those states that TRANSITIONS allows.

    This UPDATE is behind every transition but a claim and the end of a claimed attempt. `brief`:
    return the jobs without large payloads.
    """
    sources = [source for source, targets in TRANSITIONS.items() if to in targets]
    rows = connection.execute(
        update(jobs)
        .where(where, jobs.c.status.in_(sources))
        .values(status=to, version=jobs.c.version + 1, **values)
        .returning(*(BRIEF_JOB_COLUMNS if brief else JOB_COLUMNS))
    )
    changed = [job_from_row(row) for row in rows]
    emit_events(connection, changed, now)
    return changed


def emit_events(
    connection: Connection, changed: Sequence[Job], now: datetime, review: Review | None = None
) -> None:
    """Store the event of each change, and a webhook for a finished job with a callback.

    `review` is the new one where that changed, None where the status did.
    """
    if not changed:
        return
    connection.execute(
        _INSERT_EVENT,
        [
            {
                "job_id": job.id,
                "version": job.version,
                "status": job.status,
                "attempt": job.attempt,
                "progress": job.progress,
                "error_code": job.error_code,
                "error_message": job.error_message,
                "created_at": now,
                "review": review,
            }
            for job in changed
        ],
    )
    deliveries = [
        {
            "job_id": job.id,
            "version": job.version,
            "tenant_id": job.tenant_id,
            "url": job.callback_url,
            "attempts": 0,
            "due_at": now,
            "delivered": False,
        }
        for job in changed
        if job.status in FINAL and job.callback_url is not None
    ]
    if deliveries:
        connection.execute(insert(webhooks), deliveries)


def end_attempt(
    connection: Connection,
    job: Job,
    now: datetime,
    outcome: str,
    error: AttemptError | None = None,
) -> None:
    """Record the end of the job's current attempt in its history."""
    connection.execute(
        _END_ATTEMPT,
        {
            "ended_job_id": job.id,
            "ended_number": job.attempt,
            "now": now,
            "new_outcome": outcome,
            "code": error.code if error else None,
            "message": error.message if error else None,
        },
    )


def get_job(connection: Connection, tenant_id: str, job_id: str, *, brief: bool = False) -> Job:
    """Return the job; raises NotFound when the tenant has no such job.

    `brief`: see BRIEF_JOB_COLUMNS.
    """
    row = connection.execute(
        select(*(BRIEF_JOB_COLUMNS if brief else JOB_COLUMNS)).where(
            jobs.c.tenant_id == tenant_id, jobs.c.id == job_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such job.")
    return job_from_row(row)


def job_from_row(row: Row[*tuple[Any, ...]]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    review = Review(row.review) if row.review else None
    payload = row.input_payload or {}
    return Job(
        **{
            **values,
            "input_payload": payload,
            "status": JobStatus(row.status),
            "review": review,
        }
    )


def artifact_of(
    job: Job, now: datetime, artifact_id: str, result: JobResult | None, error: AttemptError | None
) -> Artifact:
    """Return the audit record of a finished job: its result, or its last error."""
    return Artifact(
        id=artifact_id,
        tenant_id=job.tenant_id,
        user_id=job.user_id,
        feature=job.feature,
        request_id=job.request_id,
        job_id=job.id,
        success=result is not None,
        input_payload=job.input_payload,
        output_payload=result.output if result else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        model_id=result.model_id if result else job.model_id,
        model_version=result.model_version if result else job.model_version,
        # The clock may have been set back meanwhile.
        latency_ms=max(0.0, (now - job.created_at).total_seconds() * 1000),
        created_at=now,
    )


def claimed_filter(claimed: Sequence[Job]) -> ColumnElement[bool]:
    """Return the condition of the jobs that still run under the token of their claim."""
    keys = [(job.id, job.attempt_token) for job in claimed]
    return and_(
        _IS_RUNNING,
        jobs.c.id.in_([job.id for job in claimed]),
        tuple_(jobs.c.id, jobs.c.attempt_token).in_(keys),
    )


def find_still_claimed(connection: Connection, claimed: Sequence[Job]) -> set[tuple[str, str]]:
    """Return id and token of the jobs that still run under the token of their claim."""
    keys = [(job.id, job.attempt_token) for job in claimed]
    rows = connection.execute(
        _STILL_CLAIMED, {"claimed_ids": [job_id for job_id, _ in keys], "claimed_keys": keys}
    )
    return {(row.id, row.attempt_token) for row in rows}


def report_progress(
    connection: Connection, claimed: Job, fraction: float, detail: Mapping[str, Any] | None
) -> None:
    """Store the progress of an attempt, unless its claim was lost."""
    connection.execute(
        _REPORT_PROGRESS, {**_claim_key(claimed), "fraction": fraction, "detail": detail}
    )


def finish_claimed(
    connection: Connection,
    claimed: Job,
    to: JobStatus,
    now: datetime,
    *,
    progress: float | None = None,
    **changes: Any,
) -> Job | None:
    """Move a claimed job to the state in which its attempt ended; None when the claim was lost.

    Without `progress`, the last one reported stays.
    """
    if to not in TRANSITIONS[JobStatus.RUNNING]:
        raise ValueError(f"a running job can't become {to}")
    # Nothing but the progress has changed since the claim.
    job = replace(
        claimed,
        status=to,
        version=claimed.version + 1,
        attempt_token=None,
        progress_detail=None,
        **changes,
    )
    values = {f"new_{name}": getattr(job, name) for name in _FINAL_COLUMNS}
    row = connection.execute(
        _FINISH_CLAIMED, {**_claim_key(claimed), **values, "new_progress": progress}
    ).one_or_none()
    if row is None:
        return None
    job = replace(job, progress=row.progress)
    emit_events(connection, [job], now)
    return job


def _claim_key(claimed: Job) -> Mapping[str, Any]:
    return {"claimed_id": claimed.id, "claimed_token": claimed.attempt_token}
