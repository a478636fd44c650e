"""Recipes from pasted texts, web pages, photographs and PDFs."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.job_payloads import RecipePayload, store_recipe
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from deployments.ingress.tenancy import resolve_request_id, resolve_tenant
from deployments.ingress.waiting_jobs import run_waiting_job
from jobs.queue.job import JobResult
from jobs.tasks.registry import RECIPE_EXTRACTION
from sidecar.recipes.recipe import RecipeResponse
from sidecar.recipes.schemas import MODEL_ID, MODEL_VERSION
from sidecar.recipes.text import read_text

router = APIRouter(
    prefix="/api/v1/recipes", tags=["recipes"], responses=ERROR_RESPONSES, route_class=JsonRoute
)


@router.post("/extract", summary="Extract a recipe", responses=answer(RecipeResponse))
async def extract_recipe(
    request: Request, body: Envelope[RecipePayload], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return title, servings, times, parsed ingredient lines and steps.

    A text is read at once; a page or an image as a job, for which the response waits.
    """
    payload = body.payload
    text = payload.text
    if text is not None:

        async def run(tenant_id: str) -> JobResult:
            found = await asyncio.to_thread(read_text, text, payload.language)
            output = await asyncio.to_thread(found.response, payload.language, "text")
            return JobResult(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)

        return await record_response(services, request, body, RECIPE_EXTRACTION, run)
    request_id = resolve_request_id(request, body.request_id)
    tenant_id = resolve_tenant(request, body.tenant_id)
    artifact = await run_waiting_job(
        services,
        request,
        tenant_id,
        body.user_id,
        RECIPE_EXTRACTION,
        lambda: store_recipe(services, tenant_id, payload),
    )
    return SuccessResponse.of(request_id, artifact)
