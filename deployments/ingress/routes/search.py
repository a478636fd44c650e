"""Search over the documents of a request."""

from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from jobs.queue.job import JobResult
from sidecar.search.schemas import (
    SearchRequest,
    SearchResults,
    redact_documents,
    search_response,
)

router = APIRouter(
    prefix="/api/v1", tags=["texts"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

SEARCH = "search"


@router.post(
    "/search", summary="Search documents by keywords and meaning", responses=answer(SearchResults)
)
async def search(
    request: Request, body: Envelope[SearchRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return the matching documents, best first. The artifact records only their number."""

    async def run(tenant_id: str) -> JobResult:
        results, info = await services.embedder.search(body.payload)
        return JobResult(
            output=search_response(body.payload, results),
            model_id=info.model,
            model_version=info.version,
        )

    return await record_response(services, request, body, SEARCH, run, redact=redact_documents)
