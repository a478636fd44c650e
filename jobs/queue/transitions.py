"""The rows of the queue: reading them, and moving them from state to state.

Everything here works within a transaction of queue.py or claims.py, its only callers.
"""

import hashlib
import json
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
    NewJob,
    Priority,
)
from jobs.storage.artifacts import Artifact
from jobs.storage.schema import attempts, job_events, jobs, webhooks
from sidecar.core.errors import NotFound

JOB_COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]

# Built once: that takes longer than to run them.
_INSERT_EVENT = insert(job_events)
_END_ATTEMPT = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.number == bindparam("nth"),
        attempts.c.ended_at.is_(None),
    )
    .values(
        ended_at=bindparam("now"),
        outcome=bindparam("came"),
        error_code=bindparam("code"),
        error_message=bindparam("message"),
    )
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: What a row lets go of when its attempt ends.
CLEARED_CLAIM = {"attempt_token": None, "lease_expires_at": None, "progress_detail": None}


def has_status(status: JobStatus) -> ColumnElement[bool]:
    """The condition as text, not as a parameter: only so do the partial indexes serve it for
    certain, whatever the database knows when it plans.
    """
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
#: What the end of an attempt may change, besides the progress, which may stay as it was reported.
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
    """The jobs that wait. The first column of their index is named too: by the state alone SQLite
    would rather walk a larger index that has every column it is asked for.
    """
    return and_(has_status(JobStatus.QUEUED), jobs.c.priority.in_(list(Priority)))


def running_jobs() -> ColumnElement[bool]:
    """The jobs that run; of the lease see `queued_jobs`."""
    return and_(has_status(JobStatus.RUNNING), jobs.c.lease_expires_at > _EPOCH)


def transition(
    connection: Connection,
    which: ColumnElement[bool],
    to: JobStatus,
    now: datetime,
    **values: Any,
) -> Job | None:
    moved = transition_many(connection, which, to, now, **values)
    return moved[0] if moved else None


def transition_many(
    connection: Connection,
    which: ColumnElement[bool],
    to: JobStatus,
    now: datetime,
    **values: Any,
) -> Sequence[Job]:
    """The UPDATE behind every transition but those of a claim: from where `to` may be reached."""
    sources = [source for source, targets in TRANSITIONS.items() if to in targets]
    rows = connection.execute(
        update(jobs)
        .where(which, jobs.c.status.in_(sources))
        .values(status=to, version=jobs.c.version + 1, **values)
        .returning(*JOB_COLUMNS)
    )
    moved = [job_from_row(row) for row in rows]
    emit_events(connection, moved, now)
    return moved


def emit_events(connection: Connection, changed: Sequence[Job], now: datetime) -> None:
    """What follows from every change of status: its event, and at the end the call to whoever
    asked for one.
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
            }
            for job in changed
        ],
    )
    calls = [
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
    if calls:
        connection.execute(insert(webhooks), calls)


def end_attempt(
    connection: Connection,
    job: Job,
    now: datetime,
    outcome: str,
    error: AttemptError | None = None,
) -> None:
    connection.execute(
        _END_ATTEMPT,
        {
            "of_job": job.id,
            "nth": job.attempt,
            "now": now,
            "came": outcome,
            "code": error.code if error else None,
            "message": error.message if error else None,
        },
    )


def get_job(connection: Connection, tenant_id: str, job_id: str) -> Job:
    row = (
        connection.execute(
            select(*JOB_COLUMNS).where(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such job.")
    return job_from_row(row)


def job_from_row(row: Row[*tuple[Any, ...]]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    return Job(**{**values, "status": JobStatus(row.status)})


def artifact_of(
    job: Job, now: datetime, artifact_id: str, outcome: JobResult | None, error: AttemptError | None
) -> Artifact:
    return Artifact(
        id=artifact_id,
        tenant_id=job.tenant_id,
        user_id=job.user_id,
        feature=job.feature,
        request_id=job.request_id,
        job_id=job.id,
        success=outcome is not None,
        input_payload=job.input_payload,
        output_payload=outcome.output if outcome else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        model_id=outcome.model_id if outcome else job.model_id,
        model_version=outcome.model_version if outcome else job.model_version,
        latency_ms=(now - job.created_at).total_seconds() * 1000,
        created_at=now,
    )


def referenced_image(payload: Mapping[str, Any]) -> str | None:
    """The blob that a stored payload refers to."""
    sha256: str | None = payload.get("image", {}).get("sha256")
    return sha256


def payload_hash(new: NewJob) -> str:
    what = [new.input_payload, new.model_id, new.model_version]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def past_tense(status: JobStatus) -> str:
    return "been cancelled" if status is JobStatus.CANCELLED else str(status)


def claimed_filter(claimed: Sequence[Job]) -> ColumnElement[bool]:
    """The condition."""
    keys = [(job.id, job.attempt_token) for job in claimed]
    return and_(
        _IS_RUNNING,
        jobs.c.id.in_([job.id for job in claimed]),
        tuple_(jobs.c.id, jobs.c.attempt_token).in_(keys),
    )


def find_still_claimed(connection: Connection, claimed: Sequence[Job]) -> set[tuple[str, str]]:
    """Id and token of those that are held."""
    keys = [(job.id, job.attempt_token) for job in claimed]
    rows = connection.execute(
        _STILL_CLAIMED, {"claimed_ids": [job_id for job_id, _ in keys], "claimed_keys": keys}
    )
    return {(row.id, row.attempt_token) for row in rows}


def report_progress(
    connection: Connection, claimed: Job, fraction: float, detail: Mapping[str, Any] | None
) -> None:
    """Writes how far an attempt is."""
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
    """The job in the state that its attempt ended in; None when it is held no longer. Without a
    `progress` it keeps the last one reported.
    """
    if to not in TRANSITIONS[JobStatus.RUNNING]:
        raise ValueError(f"a running job can't become {to}")
    # Nothing but its progress has changed since it was claimed.
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
