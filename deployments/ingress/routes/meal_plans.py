"""Synchronous meal plans and suggestions."""

from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import RecipesRoute
from deployments.ingress.services import ServicesDep
from jobs.queue.job import JobResult
from jobs.tasks.plan_completion import complete_plan
from jobs.tasks.registry import MEAL_OPTIMIZATION
from sidecar.planning.response import MODEL_ID, MODEL_VERSION, PlanAnswer, Suggestions
from sidecar.planning.schemas import PlanRequest, SuggestionRequest

router = APIRouter(
    prefix="/api/v1/optimize", tags=["planner"], responses=ERROR_RESPONSES, route_class=RecipesRoute
)

MEAL_SUGGESTIONS = "meal_suggestions"


@router.post("/meal-plan", summary="Optimize a meal plan", responses=answer(PlanAnswer))
async def meal_plan(
    request: Request, body: Envelope[PlanRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return the best plan found within the time limit, with its optimality proof."""

    async def run(tenant_id: str) -> JobResult:
        output = await complete_plan(
            services.categorizer,
            services.engine,
            tenant_id,
            body.payload,
            await services.planner.plan(body.payload),
            summary=services.settings.planner.summary,
        )
        return JobResult(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)

    return await record_response(services, request, body, MEAL_OPTIMIZATION, run)


@router.post("/suggestions", summary="Suggest recipes", responses=answer(Suggestions))
async def suggestions(
    request: Request, body: Envelope[SuggestionRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Suggest recipes that use expiring stock or given ingredients."""

    async def run(tenant_id: str) -> JobResult:
        ranked = await services.planner.suggest(body.payload)
        output = Suggestions(suggestions=tuple(ranked)).wire()
        return JobResult(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)

    return await record_response(services, request, body, MEAL_SUGGESTIONS, run)
