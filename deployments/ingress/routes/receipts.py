"""Synchronous receipt extraction, which runs as a job and waits for its result."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from deployments.http.schemas.common import (
    AnswerModel,
    DescribedAs,
    Envelope,
    Name,
    SuccessResponse,
    answer,
)
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.job_payloads import ReceiptPayload, store_receipt
from deployments.ingress.receipt_files import UploadRoute
from deployments.ingress.receipt_money import with_callers_money
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_request_id, resolve_tenant
from jobs.queue.job import Job, JobStatus, NewJob, Priority
from jobs.storage.artifacts import Artifact
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.errors import Conflict, DeadlineExceeded, Overloaded, ServiceError, from_code
from sidecar.receipts.forms import FlatExtraction, NestedExtraction
from sidecar.receipts.models import nested_from_flat

log = logging.getLogger(__name__)

#: Seconds after which a caller may look whether a pause has ended.
_PAUSE_RETRY_AFTER_S = 60

router = APIRouter(
    prefix="/api/v1", tags=["receipts"], responses=ERROR_RESPONSES, route_class=UploadRoute
)


class BareReceiptRequest(ReceiptPayload):
    """The receipt request without an envelope."""

    version: str = Field("1.0", max_length=50)
    request_id: Name | None = None
    account_id: Name | None = Field(None, description="The tenant.")
    user_id: Name | None = None


class NestedReceiptResponse(AnswerModel):
    """The nested extraction without an envelope."""

    version: str
    request_id: str
    status: Literal["success"] = "success"
    processing_time_ms: int = Field(description="Whole milliseconds.")
    model_version: str | None
    extraction: Annotated[Mapping[str, Any], DescribedAs(NestedExtraction)]


@router.post("/extract-receipt", summary="Extract a receipt", responses=answer(FlatExtraction))
async def extract_receipt(
    request: Request, body: Envelope[ReceiptPayload], services: ServicesDep
) -> SuccessResponse[Any]:
    """Read a receipt and return the flat extraction as the payload.

    Besides JSON it takes multipart/form-data, and a body that is the image or PDF itself.
    """
    request_id = resolve_request_id(request, body.request_id)
    tenant_id = resolve_tenant(request, body.tenant_id)
    artifact = await _run_receipt_job(services, request, tenant_id, body.user_id, body.payload)
    return SuccessResponse.of(request_id, with_callers_money(artifact, services.settings))


@router.post("/receipts/extract", summary="Extract a receipt without an envelope")
async def extract_receipt_nested(
    request: Request, body: BareReceiptRequest, services: ServicesDep
) -> NestedReceiptResponse:
    """Read a receipt and return the nested extraction.

    Besides JSON it takes multipart/form-data, and a body that is the image or PDF itself.
    """
    request_id = resolve_request_id(request, body.request_id)
    tenant_id = resolve_tenant(request, body.account_id)
    artifact = await _run_receipt_job(services, request, tenant_id, body.user_id, body)
    return NestedReceiptResponse(
        version=body.version,
        request_id=request_id,
        processing_time_ms=round(artifact.latency_ms),
        model_version=artifact.model_version,
        extraction=nested_from_flat(artifact.output_payload or {}),
    )


async def _run_receipt_job(
    services: Services,
    request: Request,
    tenant_id: str,
    user_id: str | None,
    payload: ReceiptPayload,
) -> Artifact:
    """Run a receipt job at the priority of waiting callers and return its artifact.

    The job is cancelled on a timeout or a disconnect.

    Raises:
        Overloaded: when the queue is paused or full.
        TooManyRequests: when the tenant's share of the queue is full.
        DeadlineExceeded: when the job exceeds the synchronous timeout.
        ServiceError: when the job failed with it.
    """
    request.state.log["feature"] = RECEIPT_EXTRACTION
    if RECEIPT_EXTRACTION in await services.queue.pauses():
        raise Overloaded(
            "The operator has paused the reading of receipts; submit a job, which waits for the "
            "end of the pause.",
            retry_after_s=_PAUSE_RETRY_AFTER_S,
        )
    await services.admission.reserve(tenant_id)
    job = await services.queue.submit(
        NewJob(
            tenant_id=tenant_id,
            user_id=user_id,
            feature=RECEIPT_EXTRACTION,
            input_payload=await store_receipt(services, tenant_id, payload),
            request_id=request.state.request_id,
            priority=Priority.INTERACTIVE,
            max_attempts=services.job_types[RECEIPT_EXTRACTION].max_attempts,
            traceparent=request.state.traceparent,
        )
    )
    request.state.log["job_id"] = job.id
    timeout_s = services.settings.sync_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            await services.watcher.wait_until_finished(job.id)
    except TimeoutError as error:
        await _cancel(services, job)
        raise DeadlineExceeded(
            f"The receipt was not read within {timeout_s:g} s; submit it as a job to wait longer."
        ) from error
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.create_task(_cancel(services, job)))
        raise
    job = await services.queue.get(tenant_id, job.id)
    if job.status is JobStatus.CANCELLED:
        raise Conflict("The job was cancelled.")
    if job.artifact_id is None:
        raise from_code(job.error_code, job.error_message)
    return await services.artifacts.get(tenant_id, job.artifact_id)


async def _cancel(services: Services, job: Job) -> None:
    try:
        await services.queue.cancel(job.tenant_id, job.id)
    except ServiceError as error:  # the job has just ended, or the database is down
        log.info("job was not cancelled", extra={"job_id": job.id, "code": error.code})
