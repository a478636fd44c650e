"""The pages to review receipts: the queue, and one receipt beside its reading."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError
from starlette.responses import JSONResponse

from deployments.dashboard.responses import HtmlRoute, html_response
from deployments.dashboard.review_view import review_view
from deployments.dashboard.services import DashboardDep, DashboardServices
from deployments.http.schemas.feedback import FeedbackRequest
from jobs.queue.job import Job, JobStatus
from jobs.queue.reviews import reviewed_output
from jobs.storage.artifacts import Artifact
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.errors import NotFound, ServiceError, ValidationFailed
from sidecar.core.validation_errors import describe_errors

router = APIRouter(prefix="/dashboard/review", include_in_schema=False, route_class=HtmlRoute)

#: Receipts that the queue's page lists.
_LISTED: Final = 50
#: Categories that a line may be given without typing them.
_LABELS: Final = 100

JobId = Annotated[str, Path(max_length=200)]
Tenant = Annotated[str | None, Query(max_length=200)]


@router.get("")
async def review_queue(services: DashboardDep, tenant: Tenant = None) -> Response:
    """List the receipts to review, the oldest first."""
    tenant = tenant or None
    jobs = await services.review_queries.pending(tenant, limit=_LISTED)
    summaries = await services.review_queries.summaries(jobs)
    html = services.templates.render(
        "review_queue.html",
        jobs=jobs,
        summaries=summaries,
        count=await services.review_queries.count(tenant),
        tenant=tenant,
        suffix=_suffix(tenant),
        now=services.clock(),
        here="review",
    )
    return html_response(html)


@router.get("/{job_id}")
async def review_receipt(job_id: JobId, services: DashboardDep, tenant: Tenant = None) -> Response:
    """Show a receipt beside its reading, to be edited."""
    tenant = tenant or None
    job = await services.queries.job(job_id)
    artifact = await _reading(services, job)
    corrections = await services.reviews.corrections(job.tenant_id, job_id)
    view = review_view(
        artifact.output_payload or {},
        reviewed_output(artifact.output_payload or {}, corrections),
        services.review_threshold,
    )
    previous, following = await services.review_queries.neighbors(job_id, tenant)
    options = job.input_payload.get("options") or {}
    labels = dict.fromkeys(
        [
            *(options.get("candidate_labels") or ()),
            *await services.corrections.labels(job.tenant_id, limit=_LABELS),
        ]
    )
    html = services.templates.render(
        "review.html",
        job=job,
        view=view,
        labels=list(labels)[:_LABELS],
        newest=corrections[-1] if corrections else None,
        previous=previous and f"/dashboard/review/{previous}{_suffix(tenant)}",
        following=following and f"/dashboard/review/{following}{_suffix(tenant)}",
        count=await services.review_queries.count(tenant),
        suffix=_suffix(tenant),
        now=services.clock(),
        here="review",
    )
    return html_response(html)


@router.post("/{job_id}")
async def save_review(
    request: Request, job_id: JobId, services: DashboardDep, tenant: Tenant = None
) -> Response:
    """Store a correction or a confirmation, a FeedbackRequest without its job, as JSON.

    The answer has the page to go on with, or an error.
    """
    try:
        job = await services.queries.job(job_id)
        body = await _feedback(request, job)
        _, following = await services.review_queries.neighbors(job_id, tenant or None)
        await services.feedback_recorder.record(job.tenant_id, body)
    except ServiceError as error:
        request.state.log["code"] = error.code
        return JSONResponse({"error": error.message, "code": error.code}, error.status)
    path = f"/{following}" if following else ""
    return JSONResponse({"next": f"/dashboard/review{path}{_suffix(tenant)}"})


async def _feedback(request: Request, job: Job) -> FeedbackRequest:
    try:
        body: Any = orjson.loads(await request.body())
    except ValueError as error:
        raise ValidationFailed("The body must be JSON.") from error
    if not isinstance(body, dict):
        raise ValidationFailed("The body must be an object.")
    try:
        return FeedbackRequest.model_validate({**body, "job_id": job.id, "artifact_id": None})
    except ValidationError as error:
        raise ValidationFailed(describe_errors(error.errors())) from error


async def _reading(services: DashboardServices, job: Job) -> Artifact:
    """Return a receipt's result; raises NotFound when there is none to review."""
    if job.feature != RECEIPT_EXTRACTION or job.status is not JobStatus.SUCCEEDED:
        raise NotFound("There is no such receipt to review.")
    artifact = await services.artifacts.get(job.tenant_id, job.artifact_id or "")
    if "fields" not in (artifact.output_payload or {}):
        raise NotFound("An earlier version read this receipt; it can't be edited.")
    return artifact


def _suffix(tenant: str | None) -> str:
    return f"?{urlencode({'tenant': tenant})}" if tenant else ""
