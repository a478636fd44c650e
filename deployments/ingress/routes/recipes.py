"""Recipes from pasted texts and web pages."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from jobs.queue.job import JobResult
from sidecar.recipes.html import read_html
from sidecar.recipes.recipe import RecipeResponse
from sidecar.recipes.schemas import MODEL_ID, MODEL_VERSION, RecipeExtractRequest
from sidecar.recipes.text import read_text

router = APIRouter(
    prefix="/api/v1/recipes", tags=["recipes"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

RECIPE_EXTRACTION = "recipe_extraction"


@router.post("/extract", summary="Extract a recipe", responses=answer(RecipeResponse))
async def extract_recipe(
    request: Request, body: Envelope[RecipeExtractRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return title, servings, times, parsed ingredient lines and steps of a text or a page."""

    async def run(tenant_id: str) -> JobResult:
        output = await asyncio.to_thread(_extract, body.payload)
        return JobResult(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)

    return await record_response(services, request, body, RECIPE_EXTRACTION, run)


def _extract(payload: RecipeExtractRequest) -> RecipeResponse:
    if payload.html is not None:
        return read_html(payload.html).response(payload.language, "html")
    return read_text(payload.text or "", payload.language).response(payload.language, "text")
