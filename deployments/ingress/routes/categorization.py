"""Names into the caller's own categories."""

import time

from fastapi import APIRouter, Request

from deployments.ingress.artifact_recording import answered
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, Answer, Envelope
from jobs.queue.job import Outcome
from jobs.tasks.registry import CATEGORIZATION_BATCH
from sidecar.classification.schemas import Categorize, CategorizeBatch, answer, batch_answer

CATEGORIZATION = "categorization"


def categories_router(parts: Parts) -> APIRouter:
    """POST /api/v1/categorize and POST /api/v1/categorize-batch."""
    router = APIRouter(
        prefix="/api/v1", tags=["categories"], responses=ERRORS, route_class=JsonRoute
    )

    @router.post("/categorize", summary="One name into one of the labels")
    async def categorize(request: Request, body: Envelope[Categorize]) -> Answer:
        async def work(tenant_id: str) -> Outcome:
            started = time.perf_counter()
            names, labels = (body.payload.item_name,), body.payload.candidate_labels
            found = await parts.categories.of(tenant_id, names, labels)
            return Outcome(
                output=answer(found.placed[0], _milliseconds_since(started)),
                model_id=found.model_id,
                model_version=found.model_version,
            )

        return await answered(parts, request, body, CATEGORIZATION, work)

    @router.post("/categorize-batch", summary="Up to 500 names, each into one of the labels")
    async def categorize_batch(request: Request, body: Envelope[CategorizeBatch]) -> Answer:
        async def work(tenant_id: str) -> Outcome:
            started = time.perf_counter()
            items, labels = body.payload.items, body.payload.candidate_labels
            found = await parts.categories.of(tenant_id, [item.name for item in items], labels)
            return Outcome(
                output=batch_answer(items, found.placed, _milliseconds_since(started)),
                model_id=found.model_id,
                model_version=found.model_version,
            )

        return await answered(parts, request, body, CATEGORIZATION_BATCH, work)

    return router


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
