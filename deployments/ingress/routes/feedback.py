"""Feedback on results and the corrections learned from it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request

from deployments.http.json_lines import JSON_LINES_CONTENT, json_array, json_lines
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.http.schemas.feedback import (
    CorrectionList,
    CorrectionResponse,
    FeedbackList,
    FeedbackRequest,
    FeedbackResponse,
)
from deployments.ingress.json import JsonRoute
from deployments.ingress.paging import PageDep
from deployments.ingress.services import ServicesDep
from deployments.ingress.tenancy import resolve_tenant
from jobs.storage.feedback import FeedbackFilter, Rating

router = APIRouter(
    prefix="/api/v1", tags=["feedback"], responses=ERROR_RESPONSES, route_class=JsonRoute
)


@router.post("/feedback", summary="Rate a result and correct it")
async def give(request: Request, body: FeedbackRequest, services: ServicesDep) -> FeedbackResponse:
    """Store feedback. A correction applies to the tenant's later requests."""
    tenant_id = resolve_tenant(request, body.tenant_id)
    return FeedbackResponse.of(await services.feedback_recorder.record(tenant_id, body))


@router.get(
    "/feedback",
    summary="List this tenant's feedback, newest first; or export it, oldest first",
    response_model=FeedbackList,
    responses={200: {"content": JSON_LINES_CONTENT}},
)
async def list_feedback(
    request: Request,
    services: ServicesDep,
    page: PageDep,
    rating: Rating | None = None,
    artifact_id: Annotated[str | None, Query(max_length=200)] = None,
    job_id: Annotated[str | None, Query(max_length=200)] = None,
    format: Annotated[Literal["json", "jsonl"], Query()] = "json",  # noqa: A002
) -> Any:
    """Return one page of matches, or all matches as JSON Lines."""
    tenant_id = resolve_tenant(request)
    filter_ = FeedbackFilter(rating=rating, artifact_id=artifact_id, job_id=job_id)
    if format == "jsonl":
        exported = services.feedback.export(tenant_id, filter_)
        return await json_lines("feedback", (FeedbackResponse.of(row) async for row in exported))
    rows, total = await services.feedback.list(
        tenant_id, filter_, limit=page.rows, offset=page.offset, before=page.cursor
    )
    entries, next_cursor = page.cut(rows)
    return FeedbackList(
        feedback=[FeedbackResponse.of(feedback) for feedback in entries],
        total=total,
        limit=page.limit,
        offset=page.offset,
        next_cursor=next_cursor,
    )


@router.get("/corrections", summary="List this tenant's corrections", response_model=CorrectionList)
async def list_corrections(request: Request, services: ServicesDep) -> Any:
    """Return every correction that applies to this tenant's later requests."""
    tenant_id = resolve_tenant(request)
    return await json_array(
        "corrections",
        (CorrectionResponse.of(row) async for row in services.corrections.iterate(tenant_id)),
    )


@router.delete("/corrections/{correction_id}", summary="Remove a correction")
async def remove_correction(
    request: Request,
    correction_id: Annotated[str, Path(max_length=200)],
    services: ServicesDep,
) -> CorrectionResponse:
    """Remove a correction, which no longer applies to later requests, and return it."""
    tenant_id = resolve_tenant(request)
    removed = await services.corrections.remove(tenant_id, correction_id, services.clock())
    return CorrectionResponse.of(removed)
