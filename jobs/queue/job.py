"""Jobs, their events, attempts and results as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any


class JobStatus(StrEnum):
    """The state of a job."""

    QUEUED = "queued"  # waits for its due time and a worker
    RUNNING = "running"  # one attempt has the lease
    SUCCEEDED = "succeeded"  # its one result is in its artifact
    FAILED = "failed"  # its error can't be retried, or its attempts are used up
    CANCELLED = "cancelled"  # by a caller


#: The allowed transitions. Failed and cancelled jobs can be retried by a caller.
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


class Review(StrEnum):
    """What a person said of a job's result."""

    PENDING = "pending"  # somebody should look at it
    CORRECTED = "corrected"
    CONFIRMED = "confirmed"


class Priority(IntEnum):
    """The lower is claimed first, across all tenants."""

    INTERACTIVE = 0  # a person waits for the result
    NORMAL = 10


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A caller's submission."""

    tenant_id: str
    feature: str
    input_payload: Mapping[str, Any]  # JSON; images are references to blobs
    request_id: str  # for the artifact and the logs
    idempotency_key: str | None = None  # (tenant, feature, key) names at most one job
    user_id: str | None = None  # None: the system started it
    priority: Priority = Priority.NORMAL
    max_attempts: int = 3
    callback_url: str | None = None  # called once the job has finished
    model_id: str | None = None
    model_version: str | None = None
    traceparent: str | None = None  # the trace that it belongs to


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row of the queue. The defaults are those of a new job."""

    id: str
    tenant_id: str
    user_id: str | None
    feature: str
    status: JobStatus = JobStatus.QUEUED
    version: int = 1  # counts the changes of status and review, from 1
    priority: int
    request_id: str
    input_payload: Mapping[str, Any]  # in lists, empty where it is large
    attempt: int = 0  # attempts started so far
    max_attempts: int
    attempt_token: str | None = None  # fencing token of the attempt with the lease
    progress: float = 0.0  # 0 to 1
    progress_detail: Mapping[str, Any] | None = None  # JSON; None unless running
    due_at: datetime  # not claimed before
    created_at: datetime
    started_at: datetime | None = None  # start of the first attempt
    finished_at: datetime | None = None
    error_code: str | None = None  # of the last failed attempt
    error_message: str | None = None
    model_id: str | None
    model_version: str | None
    artifact_id: str | None = None
    callback_url: str | None
    traceparent: str | None
    review: Review | None = None  # None: nobody looked, and nobody needs to
    merchant: str | None = None  # of a receipt, without case
    confidence: float | None = None  # of a receipt, 0 to 1
    run_ms: int | None = None  # from the start of the first attempt to the end of the last


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A pause of a feature's queue: its jobs are accepted, and none is started."""

    paused_at: datetime
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One change of a job's status or review."""

    job_id: str
    version: int  # counts the changes, from 1
    status: JobStatus
    attempt: int
    progress: float
    error_code: str | None
    error_message: str | None
    created_at: datetime
    review: Review | None = None  # the new one; None for a change of status


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """One attempt in a job's history."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None  # succeeded, failed, cancelled, released, lost; None while it runs
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True)
class ProgressUpdate:
    """The progress of an attempt, with an intermediate result."""

    fraction: float  # 0 to 1
    detail: Mapping[str, Any] | None = None  # JSON


#: Reported by a running attempt; a bare number is the fraction.
Progress = float | ProgressUpdate


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The result of a successful attempt."""

    output: Mapping[str, Any]  # JSON
    model_id: str
    model_version: str
    #: Deduplication keys, at most 200 characters each. If an earlier successful job of the tenant
    #: has one of them, the output names that job as `duplicate_of`.
    dedup_keys: Sequence[str] = ()
    #: The shop of a receipt, for searches.
    merchant: str | None = None
    #: How sure a receipt's reading is, from 0 to 1.
    confidence: float | None = None
    #: Whether a person should look at the result.
    needs_review: bool = False
    #: JPEGs for a vision model, where the result needs a second read; never stored.
    pages: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AttemptError:
    """The error of a failed attempt."""

    code: str
    message: str
    retryable: bool
