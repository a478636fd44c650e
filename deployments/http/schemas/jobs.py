"""Schemas of jobs and their attempts."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field

from deployments.http.schemas.common import AnswerModel, DescribedAs, rfc3339
from deployments.http.schemas.webhooks import WebhookResponse
from jobs.queue.job import AttemptRecord, Job, JobStatus, Review
from sidecar.classification.schemas import Categories
from sidecar.core.errors import by_code
from sidecar.embedding.schemas import Embeddings
from sidecar.planning.response import Incumbent, PlanAnswer
from sidecar.receipts.forms import FlatExtraction
from sidecar.recipes.recipe import RecipeResponse

JobOutput = FlatExtraction | PlanAnswer | Categories | Embeddings | RecipeResponse


class AttemptResponse(AnswerModel):
    """One attempt at a job."""

    number: int
    started_at: str
    ended_at: str | None
    outcome: str | None
    error_code: str | None
    error_message: str | None

    @classmethod
    def of(cls, attempt: AttemptRecord) -> Self:
        ended_at = rfc3339(attempt.ended_at) if attempt.ended_at else None
        started_at = rfc3339(attempt.started_at)
        return cls(**{**vars(attempt), "started_at": started_at, "ended_at": ended_at})


class JobResponse(AnswerModel):
    """A job."""

    id: str = Field(examples=["job_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1"])
    job_id: str
    tenant_id: str
    user_id: str | None
    request_id: str
    feature: str
    status: JobStatus
    attempt: int
    max_attempts: int
    progress: float
    progress_detail: Annotated[Mapping[str, Any], DescribedAs(Incumbent)] | None = Field(
        description="Interim results of a running job: a plan's objective, bound and gap."
    )
    input_payload: Mapping[str, Any] | None = Field(
        description="Images are replaced by references. In lists null above 16 KiB of JSON."
    )
    output_payload: Annotated[Mapping[str, Any], DescribedAs(JobOutput)] | None = Field(
        description="The result, as the feature's own endpoint gives it; null in lists."
    )
    reviewed_payload: Annotated[Mapping[str, Any], DescribedAs(FlatExtraction)] | None = Field(
        description="A receipt's result as people corrected it; null when nobody did, and in lists."
    )
    error_message: str | None
    error_code: str | None
    retryable: bool | None
    model_id: str | None
    model_version: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    next_attempt_at: str | None
    latency_ms: float | None = Field(description="From submission to completion.")
    cost: float | None
    artifact_id: str | None
    review: Review | None = Field(
        description="pending: somebody should look at the result; corrected or confirmed: somebody "
        "did. Null: nobody did or needs to."
    )
    attempts: Sequence[AttemptResponse] | None = Field(description="Null in lists.")
    webhook: WebhookResponse | None = Field(
        description="The call of callback_url; null without one, and in lists."
    )

    @classmethod
    def of(
        cls,
        job: Job,
        output: Mapping[str, Any] | None = None,
        attempts: Sequence[AttemptRecord] | None = None,
        webhook: WebhookResponse | None = None,
        reviewed: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build the body from a row, its result as read and as reviewed, attempts and webhook."""
        duration = job.finished_at - job.created_at if job.finished_at else None
        history = (
            None if attempts is None else [AttemptResponse.of(attempt) for attempt in attempts]
        )
        return cls(
            **{
                **vars(job),
                "job_id": job.id,
                "input_payload": job.input_payload or None,
                "output_payload": output,
                "reviewed_payload": reviewed,
                "retryable": by_code(job.error_code).retryable if job.error_code else None,
                "created_at": rfc3339(job.created_at),
                "started_at": rfc3339(job.started_at) if job.started_at else None,
                "finished_at": rfc3339(job.finished_at) if job.finished_at else None,
                "next_attempt_at": rfc3339(job.due_at) if job.status is JobStatus.QUEUED else None,
                "latency_ms": round(duration.total_seconds() * 1000, 1) if duration else None,
                "cost": None,
                "attempts": history,
                "webhook": webhook,
            }
        )


class JobList(AnswerModel):
    """One page of jobs, newest first."""

    jobs: Sequence[JobResponse]
    total: int = Field(description="Number of matches on all pages.")
    limit: int
    offset: int
    next_cursor: str | None = Field(description="The next page's cursor; null on the last page.")
