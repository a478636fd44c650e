"""Jobs: submit, get, list, follow, cancel, retry."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from deployments.http.schemas.common import ApiModel, Name
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.http.schemas.jobs import JobList, JobResponse
from deployments.http.schemas.webhooks import WebhookResponse
from deployments.ingress.job_payloads import payload_schema, prepare_payload
from deployments.ingress.offloading import off_loop
from deployments.ingress.paging import PageDep
from deployments.ingress.receipt_files import UploadRoute
from deployments.ingress.receipt_money import with_callers_money
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.stored_json import with_stored_json
from deployments.ingress.tenancy import (
    resolve_idempotency_key,
    resolve_request_id,
    resolve_tenant,
)
from deployments.ingress.unknown_fields import unknown_fields, warn
from jobs.queue.job import JobStatus, NewJob, Review
from jobs.queue.queue import JobFilter
from jobs.queue.reviews import reviewed_output
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.ssrf import blocked_field, check_url

router = APIRouter(
    prefix="/api/v1/jobs", tags=["jobs"], responses=ERROR_RESPONSES, route_class=UploadRoute
)

JobId = Annotated[str, Path(max_length=200)]


class JobRequest(ApiModel):
    """A job to run in the background."""

    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = None
    feature: Name = Field(examples=["receipt_extraction"])
    payload: Mapping[str, Any] = Field(
        description="The payload of the feature's own endpoint.",
    )
    model_id: Name | None = None
    model_version: Name | None = None
    request_id: Name | None = Field(
        None,
        description="Idempotency key within the tenant and feature, until the job is deleted; "
        "else the header Idempotency-Key, else X-Request-ID.",
    )
    callback_url: str | None = Field(
        None, max_length=2000, description="Called when the job has ended; http or https."
    )


class TenantBody(ApiModel):
    """The optional body of a POST without a payload."""

    tenant_id: Name | None = None


@router.post("", summary="Submit a job", response_model=JobResponse)
async def submit(request: Request, body: JobRequest, services: ServicesDep) -> Response:
    """Queue a job, which is durable when this responds."""
    key = resolve_idempotency_key(request, body.request_id)
    request_id = resolve_request_id(request, key)
    tenant_id = resolve_tenant(request, body.tenant_id)
    request.state.log["feature"] = body.feature
    if body.callback_url is not None:
        with blocked_field("callback_url"):
            check_url(body.callback_url, services.settings.ssrf_allowed_networks)
    await services.admission.reserve(tenant_id)
    size = len(await request.body())
    payload = await prepare_payload(services, tenant_id, body.feature, body.payload, size=size)
    warn(
        request,
        await off_loop(size, unknown_fields, payload_schema(body.feature), body.payload, "payload"),
    )
    job = await services.queue.submit(
        NewJob(
            tenant_id=tenant_id,
            user_id=body.user_id,
            feature=body.feature,
            input_payload=payload,
            request_id=request_id,
            idempotency_key=key,
            max_attempts=services.job_types[body.feature].max_attempts,
            model_id=body.model_id,
            model_version=body.model_version,
            callback_url=body.callback_url,
            traceparent=request.state.traceparent,
        )
    )
    request.state.log["job_id"] = job.id
    return await job_response(services, tenant_id, job.id)


@router.get("", summary="List this tenant's jobs, newest first")
async def list_jobs(
    request: Request,
    services: ServicesDep,
    page: PageDep,
    feature: Annotated[str | None, Query(max_length=50)] = None,
    status: JobStatus | None = None,
    review: Review | None = None,
) -> JobList:
    """Return one page of jobs, without their results."""
    tenant_id = resolve_tenant(request)
    filter_ = JobFilter(feature=feature, status=status, review=review)
    rows, total = await services.queue.list(
        tenant_id, filter_, limit=page.rows, offset=page.offset, before=page.cursor
    )
    jobs, next_cursor = page.cut(rows)
    return JobList(
        jobs=[JobResponse.of(job) for job in jobs],
        total=total,
        limit=page.limit,
        offset=page.offset,
        next_cursor=next_cursor,
    )


@router.get("/{job_id}", summary="Get a job", response_model=JobResponse)
async def get_job(request: Request, job_id: JobId, services: ServicesDep) -> Response:
    """Return the job with its attempts and, if it has succeeded, its result."""
    return await job_response(services, resolve_tenant(request), job_id)


@router.post("/{job_id}/cancel", summary="Cancel a queued or running job")
async def cancel(
    request: Request, job_id: JobId, services: ServicesDep, body: TenantBody | None = None
) -> JobResponse:
    """Cancel the job; a running attempt is killed."""
    tenant_id = resolve_tenant(request, body.tenant_id if body else None)
    return JobResponse.of(await services.queue.cancel(tenant_id, job_id))


@router.post("/{job_id}/retry", summary="Retry a failed or cancelled job")
async def retry(
    request: Request, job_id: JobId, services: ServicesDep, body: TenantBody | None = None
) -> JobResponse:
    """Queue the job again with a new job's number of further attempts."""
    tenant_id = resolve_tenant(request, body.tenant_id if body else None)
    job = await services.queue.get(tenant_id, job_id, brief=True)
    await services.admission.reserve(tenant_id)
    extra_attempts = services.job_types[job.feature].max_attempts
    return JobResponse.of(
        await services.queue.retry(tenant_id, job_id, extra_attempts=extra_attempts)
    )


async def job_response(services: Services, tenant_id: str, job_id: str) -> Response:
    """Return the job with its result, as read and as corrected, its attempts and its webhook."""
    stored = await services.queue.stored(tenant_id, job_id)
    job = stored.job
    output = reviewed = None
    payloads: dict[str, str | None] = {"input_payload": stored.input_json}
    if job.artifact_id is not None and job.feature == RECEIPT_EXTRACTION:
        artifact = await services.artifacts.get(tenant_id, job.artifact_id)
        output = with_callers_money(artifact, services.settings).output_payload
        if job.review is Review.CORRECTED and output is not None and "fields" in output:
            given = await services.reviews.corrections(tenant_id, job.id)
            corrected = reviewed_output(artifact.output_payload or {}, given)
            as_reviewed = replace(artifact, output_payload=corrected)
            reviewed = with_callers_money(as_reviewed, services.settings).output_payload
    else:
        payloads["output_payload"] = stored.output_json
    attempts = await services.queue.attempts(job.id) if job.attempt else []
    webhook = None if job.callback_url is None else await services.webhooks.latest(job.id)
    answer = JobResponse.of(job, output, attempts, WebhookResponse.of(job, webhook), reviewed)
    return with_stored_json(answer, payloads)
