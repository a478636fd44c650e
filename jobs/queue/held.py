"""The jobs that a runner holds, as long as each still runs under the token it was claimed with.

Works within a transaction of claims.py, its only caller. What runs often is built once: that
takes longer than to run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, tuple_, update

from jobs.queue.job import TRANSITIONS, Job, JobStatus
from jobs.queue.transitions import RELEASED, has_status, record
from jobs.storage.schema import jobs

_RUNS = has_status(JobStatus.RUNNING)
_ONE = and_(
    _RUNS, jobs.c.id == bindparam("held_id"), jobs.c.attempt_token == bindparam("held_token")
)
_STILL_HELD = select(jobs.c.id, jobs.c.attempt_token).where(
    _RUNS,
    jobs.c.id.in_(bindparam("held_ids", expanding=True)),
    tuple_(jobs.c.id, jobs.c.attempt_token).in_(bindparam("held_keys", expanding=True)),
)
_REPORT = (
    update(jobs)
    .where(_ONE)
    .values(progress=bindparam("fraction"), progress_detail=bindparam("detail"))
)
#: What the end of an attempt may change, besides the progress, which may stay as it was reported.
_CHANGING = (
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
_END = (
    update(jobs)
    .where(_ONE)
    .values(
        **{name: bindparam(f"new_{name}") for name in _CHANGING},
        progress=func.coalesce(bindparam("new_progress"), jobs.c.progress),
        **RELEASED,
    )
    .returning(jobs.c.progress)
)


def held_by(held: Sequence[Job]) -> ColumnElement[bool]:
    """The condition."""
    keys = [(job.id, job.attempt_token) for job in held]
    return and_(
        _RUNS,
        jobs.c.id.in_([job.id for job in held]),
        tuple_(jobs.c.id, jobs.c.attempt_token).in_(keys),
    )


def still_held(connection: Connection, held: Sequence[Job]) -> set[tuple[str, str]]:
    """Id and token of those that are held."""
    keys = [(job.id, job.attempt_token) for job in held]
    rows = connection.execute(
        _STILL_HELD, {"held_ids": [job_id for job_id, _ in keys], "held_keys": keys}
    )
    return {(row.id, row.attempt_token) for row in rows}


def report(
    connection: Connection, held: Job, fraction: float, detail: Mapping[str, Any] | None
) -> None:
    """Writes how far an attempt is."""
    connection.execute(_REPORT, {**_of(held), "fraction": fraction, "detail": detail})


def end_held(
    connection: Connection,
    held: Job,
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
        held,
        status=to,
        version=held.version + 1,
        attempt_token=None,
        progress_detail=None,
        **changes,
    )
    values = {f"new_{name}": getattr(job, name) for name in _CHANGING}
    row = connection.execute(_END, {**_of(held), **values, "new_progress": progress}).one_or_none()
    if row is None:
        return None
    job = replace(job, progress=row.progress)
    record(connection, [job], now)
    return job


def _of(held: Job) -> Mapping[str, Any]:
    return {"held_id": held.id, "held_token": held.attempt_token}
