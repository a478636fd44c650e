"""Receipts while the caller waits: the same job, reader and artifact as through the queue."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from deployments.ingress.job_payloads import ReceiptPayload, store_receipt
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import (
    ERRORS,
    Answer,
    Envelope,
    Name,
    Wire,
    request_id_of,
    tenant_of,
)
from jobs.queue.job import Job, JobStatus, NewJob, Priority
from jobs.storage.artifacts import Artifact
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.errors import Conflict, ServiceError, WorkTimeout, from_code
from sidecar.receipts.models import nested_of

log = logging.getLogger(__name__)


class FlatReceiptRequest(ReceiptPayload):
    """The receipt request without an envelope."""

    version: str = Field("1.0", max_length=50)
    request_id: Name | None = None
    account_id: Name | None = Field(None, description="The tenant.")
    user_id: Name | None = None


class FlatReceiptAnswer(Wire):
    """The nested extraction without an envelope."""

    version: str
    request_id: str
    status: Literal["success"] = "success"
    processing_time_ms: float
    model_version: str | None
    extraction: Mapping[str, Any]


def receipts_router(parts: Parts) -> APIRouter:
    """POST /api/v1/extract-receipt and POST /api/v1/receipts/extract."""
    router = APIRouter(prefix="/api/v1", tags=["receipts"], responses=ERRORS, route_class=JsonRoute)

    @router.post("/extract-receipt", summary="Read a receipt and wait for the result")
    async def extract_receipt(request: Request, body: Envelope[ReceiptPayload]) -> Answer:
        request_id = request_id_of(request, body.request_id)
        tenant_id = tenant_of(request, body.tenant_id)
        artifact = await _read(parts, request, tenant_id, body.user_id, body.payload)
        return Answer.of(request_id, artifact)

    @router.post("/receipts/extract", summary="The same without an envelope")
    async def extract_receipt_flat(request: Request, body: FlatReceiptRequest) -> FlatReceiptAnswer:
        request_id = request_id_of(request, body.request_id)
        tenant_id = tenant_of(request, body.account_id)
        artifact = await _read(parts, request, tenant_id, body.user_id, body)
        return FlatReceiptAnswer(
            version=body.version,
            request_id=request_id,
            processing_time_ms=round(artifact.latency_ms, 1),
            model_version=artifact.model_version,
            extraction=nested_of(artifact.output_payload or {}),
        )

    return router


async def _read(
    parts: Parts,
    request: Request,
    tenant_id: str,
    user_id: str | None,
    payload: ReceiptPayload,
) -> Artifact:
    """Runs a receipt job, ahead of those that nobody waits for, and gives its artifact.

    Raises the error that the job ended with, Overloaded and TooManyRequests when the queue is full,
    and WorkTimeout when it takes too long. Then, and when
    the client leaves, the job is cancelled.
    """
    request.state.log["feature"] = RECEIPT_EXTRACTION
    await parts.backlog.admit(tenant_id)
    job = await parts.queue.submit(
        NewJob(
            tenant_id=tenant_id,
            user_id=user_id,
            feature=RECEIPT_EXTRACTION,
            input_payload=await store_receipt(parts, tenant_id, payload),
            request_id=request.state.request_id,
            priority=Priority.WAITING,
            max_attempts=parts.features[RECEIPT_EXTRACTION].max_attempts,
            traceparent=request.state.traceparent,
        )
    )
    request.state.log["job_id"] = job.id
    try:
        async with asyncio.timeout(parts.settings.wait_timeout_s):
            await parts.watch.ended(job.id)
    except TimeoutError as error:
        await _call_off(parts, job)
        raise WorkTimeout(
            f"The receipt was not read within {parts.settings.wait_timeout_s:g} s; "
            "submit it as a job to wait longer."
        ) from error
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.create_task(_call_off(parts, job)))
        raise
    job = await parts.queue.get(tenant_id, job.id)
    if job.status is JobStatus.CANCELLED:
        raise Conflict("The job was cancelled.")
    if job.artifact_id is None:
        raise from_code(job.error_code, job.error_message)
    return await parts.artifacts.get(tenant_id, job.artifact_id)


async def _call_off(parts: Parts, job: Job) -> None:
    try:
        await parts.queue.cancel(job.tenant_id, job.id)
    except ServiceError as error:  # it has just ended, or the database is away: nothing to undo
        log.info("job was not called off", extra={"job_id": job.id, "code": error.code})
