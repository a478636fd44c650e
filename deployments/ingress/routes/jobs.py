"""Jobs: submit, look, watch, list, cancel, retry."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from deployments.ingress.events import EVENTS, job_events
from deployments.ingress.job_payloads import store
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import (
    ERRORS,
    JobBody,
    JobPage,
    Name,
    Wire,
    request_id_of,
    tenant_of,
)
from jobs.queue.job import FINAL, Job, JobStatus, NewJob
from jobs.queue.queue import JobFilter
from sidecar.core.ssrf import check_url

JobId = Annotated[str, Path(max_length=200)]


class JobRequest(Wire):
    """Work to be done in the background."""

    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = None
    feature: Name = Field(examples=["receipt_extraction"])
    payload: Mapping[str, Any] = Field(
        description="As the feature's own endpoint takes it.",
    )
    model_id: Name | None = None
    model_version: Name | None = None
    request_id: Name | None = Field(
        None,
        description="The same (tenant, feature, request_id) names the same job while it is kept.",
    )
    callback_url: str | None = Field(
        None, max_length=2000, description="Called once the job has ended; http or https."
    )


class TenantBody(Wire):
    """What a POST without a payload may carry."""

    tenant_id: Name | None = None


def jobs_router(parts: Parts) -> APIRouter:
    """Everything below /api/v1/jobs."""
    router = APIRouter(
        prefix="/api/v1/jobs", tags=["jobs"], responses=ERRORS, route_class=JsonRoute
    )

    @router.post("", summary="Submit a job; it is durable when this answers")
    async def submit(request: Request, body: JobRequest) -> JobBody:
        request_id = request_id_of(request, body.request_id)
        tenant_id = tenant_of(request, body.tenant_id)
        request.state.log["feature"] = body.feature
        if body.callback_url is not None:
            check_url(body.callback_url, parts.settings.url_allowed_networks)
        await parts.backlog.admit(tenant_id)
        payload = await store(parts, tenant_id, body.feature, body.payload)
        job = await parts.queue.submit(
            NewJob(
                tenant_id=tenant_id,
                user_id=body.user_id,
                feature=body.feature,
                input_payload=payload,
                request_id=request_id,
                idempotency_key=body.request_id,
                max_attempts=parts.features[body.feature].max_attempts,
                model_id=body.model_id,
                model_version=body.model_version,
                callback_url=body.callback_url,
                traceparent=request.state.traceparent,
            )
        )
        request.state.log["job_id"] = job.id
        return await _whole(parts, job)

    @router.get("", summary="List this tenant's jobs, newest first")
    async def list_jobs(
        request: Request,
        feature: Annotated[str | None, Query(max_length=50)] = None,
        status: JobStatus | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> JobPage:
        tenant_id = tenant_of(request)
        wanted = JobFilter(feature=feature, status=status)
        jobs, total = await parts.queue.list(tenant_id, wanted, limit=limit, offset=offset)
        return JobPage(
            jobs=[JobBody.of(job) for job in jobs], total=total, limit=limit, offset=offset
        )

    @router.get("/{job_id}", summary="One job, with its result when it has succeeded")
    async def get_job(request: Request, job_id: JobId) -> JobBody:
        return await _whole(parts, await parts.queue.get(tenant_of(request), job_id))

    @router.get(
        "/{job_id}/events",
        summary="Each change of the job as a server-sent event; the last one is final",
        response_class=StreamingResponse,
        responses={
            200: {"content": EVENTS},
            204: {"description": "No more."},
        },
    )
    async def get_events(
        request: Request,
        job_id: JobId,
        last_event_id: Annotated[int, Header(ge=0, le=2**31 - 1)] = 0,
    ) -> Response:
        job = await parts.queue.get(tenant_of(request), job_id)
        if job.status in FINAL and last_event_id >= job.version:
            return Response(status_code=204)  # tells an EventSource not to connect again
        return StreamingResponse(
            job_events(parts, job, after=last_event_id),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    @router.post("/{job_id}/cancel", summary="Call off a queued or running job")
    async def cancel(request: Request, job_id: JobId, body: TenantBody | None = None) -> JobBody:
        tenant_id = tenant_of(request, body.tenant_id if body else None)
        return JobBody.of(await parts.queue.cancel(tenant_id, job_id))

    @router.post("/{job_id}/retry", summary="Queue a failed or cancelled job again")
    async def retry(request: Request, job_id: JobId, body: TenantBody | None = None) -> JobBody:
        tenant_id = tenant_of(request, body.tenant_id if body else None)
        job = await parts.queue.get(tenant_id, job_id)
        await parts.backlog.admit(tenant_id)
        more = parts.features[job.feature].max_attempts
        return JobBody.of(await parts.queue.retry(tenant_id, job_id, attempts_more=more))

    return router


async def _whole(parts: Parts, job: Job) -> JobBody:
    output = None
    if job.artifact_id is not None:
        output = (await parts.artifacts.get(job.tenant_id, job.artifact_id)).output_payload
    attempts = await parts.queue.attempts(job.id) if job.attempt else []
    return JobBody.of(job, output, attempts)
