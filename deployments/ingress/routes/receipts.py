"""Synchronous receipt extraction, which runs as a job and waits for its result."""

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
from deployments.ingress.waiting_jobs import run_waiting_job
from jobs.storage.artifacts import Artifact
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.receipts.forms import FlatExtraction, NestedExtraction
from sidecar.receipts.models import nested_from_flat

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
    return await run_waiting_job(
        services,
        request,
        tenant_id,
        user_id,
        RECEIPT_EXTRACTION,
        lambda: store_receipt(services, tenant_id, payload),
    )
