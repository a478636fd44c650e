"""Shopping lists for recipes and stock, without a plan."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import RecipesRoute
from deployments.ingress.services import ServicesDep
from jobs.queue.job import JobResult
from sidecar.classification.schemas import DEFAULT_LABELS
from sidecar.planning.shopping_list import (
    MODEL_ID,
    MODEL_VERSION,
    ShoppingListRequest,
    ShoppingListResponse,
    shopping_list,
    shopping_list_response,
)

router = APIRouter(
    prefix="/api/v1", tags=["recipes"], responses=ERROR_RESPONSES, route_class=RecipesRoute
)

SHOPPING_LIST = "shopping_list"


@router.post(
    "/shopping-list", summary="Make a shopping list", responses=answer(ShoppingListResponse)
)
async def make_shopping_list(
    request: Request, body: Envelope[ShoppingListRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return what the recipes need beyond the stock, in the order of the aisles."""

    async def run(tenant_id: str) -> JobResult:
        found = await asyncio.to_thread(shopping_list, body.payload)
        aisles = body.payload.aisles or DEFAULT_LABELS
        names = [entry.name for entry in found.entries]
        aisle_of: dict[str, str] = {}
        if names:
            result = await services.categorizer.categorize(tenant_id, names, tuple(aisles))
            labels = [prediction.best[0] for prediction in result.predictions]
            aisle_of = dict(zip(names, labels, strict=True))
        return JobResult(
            output=shopping_list_response(found, aisles, aisle_of),
            model_id=MODEL_ID,
            model_version=MODEL_VERSION,
        )

    return await record_response(services, request, body, SHOPPING_LIST, run)
