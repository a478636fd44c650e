"""Categorization of names into the caller's own labels."""

import time
from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from jobs.queue.job import JobResult
from jobs.tasks.registry import CATEGORIZATION_BATCH
from sidecar.classification.schemas import (
    Categories,
    CategorizeBatchRequest,
    CategorizeRequest,
    Category,
    categorize_batch_response,
    categorize_response,
)

router = APIRouter(
    prefix="/api/v1", tags=["categories"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

CATEGORIZATION = "categorization"


@router.post("/categorize", summary="Categorize a name", responses=answer(Category))
async def categorize(
    request: Request, body: Envelope[CategorizeRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Predict which of the labels fits the name."""

    async def run(tenant_id: str) -> JobResult:
        started = time.perf_counter()
        names, labels = (body.payload.item_name,), body.payload.candidate_labels
        result = await services.categorizer.categorize(
            tenant_id, names, labels, body.payload.language
        )
        return JobResult(
            output=categorize_response(result.predictions[0], _milliseconds_since(started)),
            model_id=result.model_id,
            model_version=result.model_version,
        )

    return await record_response(services, request, body, CATEGORIZATION, run)


@router.post(
    "/categorize-batch", summary="Categorize up to 500 names", responses=answer(Categories)
)
async def categorize_batch(
    request: Request, body: Envelope[CategorizeBatchRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Predict which of the labels fits each name."""

    async def run(tenant_id: str) -> JobResult:
        started = time.perf_counter()
        items, labels = body.payload.items, body.payload.candidate_labels
        names = [item.name for item in items]
        result = await services.categorizer.categorize(
            tenant_id, names, labels, body.payload.language
        )
        return JobResult(
            output=categorize_batch_response(
                items, result.predictions, _milliseconds_since(started)
            ),
            model_id=result.model_id,
            model_version=result.model_version,
        )

    return await record_response(services, request, body, CATEGORIZATION_BATCH, run)


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
