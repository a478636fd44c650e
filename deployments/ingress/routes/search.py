"""Search over the documents of the request."""

from fastapi import APIRouter, Request

from deployments.ingress.artifact_recording import answered
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, Answer, Envelope
from jobs.queue.job import Outcome
from sidecar.search.schemas import Search, answer, kept

SEARCH = "search"


def search_router(parts: Parts) -> APIRouter:
    """POST /api/v1/search."""
    router = APIRouter(prefix="/api/v1", tags=["texts"], responses=ERRORS, route_class=JsonRoute)

    @router.post("/search", summary="The documents that fit by words and by meaning, best first")
    async def search(request: Request, body: Envelope[Search]) -> Answer:
        async def work(tenant_id: str) -> Outcome:
            results, described = await parts.search(body.payload)
            return Outcome(
                output=answer(body.payload, results),
                model_id=described.model,
                model_version=described.version,
            )

        return await answered(parts, request, body, SEARCH, work, kept=kept)

    return router
