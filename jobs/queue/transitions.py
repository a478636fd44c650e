"""The rows of the queue: reading them, and moving them from state to state.

Everything here works within a transaction of queue.py or claims.py, its only callers
with held.py.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    insert,
    literal_column,
    select,
    update,
)

from jobs.queue.job import (
    FINAL,
    TRANSITIONS,
    AttemptError,
    Job,
    JobStatus,
    NewJob,
    Outcome,
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
RELEASED = {"attempt_token": None, "lease_expires_at": None, "progress_detail": None}


def has_status(status: JobStatus) -> ColumnElement[bool]:
    """The condition as text, not as a parameter: only so do the partial indexes serve it for
    certain, whatever the database knows when it plans.
    """
    return jobs.c.status == literal_column(f"'{status.value}'")


def waiting() -> ColumnElement[bool]:
    """The jobs that wait. The first column of their index is named too: by the state alone SQLite
    would rather walk a larger index that has every column it is asked for.
    """
    return and_(has_status(JobStatus.QUEUED), jobs.c.priority.in_(list(Priority)))


def under_way() -> ColumnElement[bool]:
    """The jobs that run; of the lease see `waiting`."""
    return and_(has_status(JobStatus.RUNNING), jobs.c.lease_expires_at > _EPOCH)


def move(
    connection: Connection,
    which: ColumnElement[bool],
    to: JobStatus,
    now: datetime,
    **values: Any,
) -> Job | None:
    moved = move_all(connection, which, to, now, **values)
    return moved[0] if moved else None


def move_all(
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
    moved = [job_of(row) for row in rows]
    record(connection, moved, now)
    return moved


def record(connection: Connection, changed: Sequence[Job], now: datetime) -> None:
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
    return job_of(row)


def job_of(row: Row[*tuple[Any, ...]]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    return Job(**{**values, "status": JobStatus(row.status)})


def artifact_of(
    job: Job, now: datetime, artifact_id: str, outcome: Outcome | None, error: AttemptError | None
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


def image_of(payload: Mapping[str, Any]) -> str | None:
    """The blob that a stored payload refers to."""
    sha256: str | None = payload.get("image", {}).get("sha256")
    return sha256


def fingerprint_of(new: NewJob) -> str:
    what = [new.input_payload, new.model_id, new.model_version]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def past(status: JobStatus) -> str:
    return "been cancelled" if status is JobStatus.CANCELLED else str(status)
