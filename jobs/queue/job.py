"""A job as a value: what was asked for, who asked, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # waits for its time and for a runner
    RUNNING = "running"  # one attempt holds the lease
    SUCCEEDED = "succeeded"  # its one result is in its artifact
    FAILED = "failed"  # its error can't be retried, or its attempts are used up
    CANCELLED = "cancelled"  # somebody called it off


#: What may follow what; all else is refused. Failed and cancelled jobs can be retried by hand.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}

FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Priority(IntEnum):
    """Lower is claimed first, whoever's it is."""

    WAITING = 0  # a person waits for the answer
    NORMAL = 10


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """What a caller submits."""

    tenant_id: str
    feature: str
    input_payload: Mapping[str, Any]  # JSON; images are references to blobs
    request_id: str  # for the record and the logs
    idempotency_key: str | None = None  # (tenant, feature, key) names at most one job
    user_id: str | None = None  # None: the system started it
    priority: Priority = Priority.NORMAL
    max_attempts: int = 3
    callback_url: str | None = None  # called once the job has ended
    model_id: str | None = None
    model_version: str | None = None
    traceparent: str | None = None  # the trace that it belongs to


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row of the queue."""

    id: str
    tenant_id: str
    user_id: str | None
    feature: str
    status: JobStatus
    version: int  # counts the changes of status, from 1
    priority: int
    request_id: str
    input_payload: Mapping[str, Any]
    attempt: int  # attempts started so far
    max_attempts: int
    attempt_token: str | None  # names the attempt that holds the lease; None unless running
    progress: float  # 0 to 1
    progress_detail: Mapping[str, Any] | None  # JSON; None unless running
    due_at: datetime  # not claimed before
    created_at: datetime
    started_at: datetime | None  # start of the first attempt
    finished_at: datetime | None
    error_code: str | None  # of the last failed attempt
    error_message: str | None
    model_id: str | None
    model_version: str | None
    artifact_id: str | None
    callback_url: str | None
    traceparent: str | None


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One change of a job's status."""

    job_id: str
    version: int  # counts the changes, from 1
    status: JobStatus
    attempt: int
    progress: float
    error_code: str | None
    error_message: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """One attempt at a job, as its history has it."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None  # succeeded, failed, cancelled, released, lost; None while it runs
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True)
class ProgressUpdate:
    """How far an attempt is, and what it has by now."""

    fraction: float  # 0 to 1
    detail: Mapping[str, Any] | None = None  # JSON


#: What an attempt tells of itself while it runs: a bare number is its fraction.
Progress = float | ProgressUpdate


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a successful attempt produced."""

    output: Mapping[str, Any]  # JSON
    model_id: str
    model_version: str
    #: What two of a tenant's jobs share when they are about the same thing; at most 200 characters
    #: each. The later one's output then names the earlier as `duplicate_of`.
    dedup_keys: Sequence[str] = ()
    #: JPEGs for a model that sees, where the work wants it to look; never stored.
    pages: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AttemptError:
    """Why an attempt failed."""

    code: str
    message: str
    retryable: bool
