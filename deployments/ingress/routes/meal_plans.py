"""Meal plans and suggestions, worked out while the caller waits."""

from fastapi import APIRouter, Request

from deployments.ingress.artifact_recording import answered
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, Answer, Envelope
from jobs.queue.job import Outcome
from jobs.tasks.registry import MEAL_OPTIMIZATION
from sidecar.planning.llm_summary import summed_up
from sidecar.planning.response import MODEL_ID, MODEL_VERSION
from sidecar.planning.schemas import PlanRequest, SuggestionRequest

MEAL_SUGGESTIONS = "meal_suggestions"


def plans_router(parts: Parts) -> APIRouter:
    """POST /api/v1/optimize/meal-plan and POST /api/v1/optimize/suggestions."""
    router = APIRouter(
        prefix="/api/v1/optimize", tags=["planner"], responses=ERRORS, route_class=JsonRoute
    )

    @router.post("/meal-plan", summary="The best plan that is found in time, with its proof")
    async def meal_plan(request: Request, body: Envelope[PlanRequest]) -> Answer:
        async def work(tenant_id: str) -> Outcome:
            plan = await parts.plan(body.payload)
            output = (
                await summed_up(parts.engine, body.payload, plan)
                if parts.settings.planner_prose
                else plan.wire()
            )
            return Outcome(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)

        return await answered(parts, request, body, MEAL_OPTIMIZATION, work)

    @router.post("/suggestions", summary="What to cook now")
    async def suggestions(request: Request, body: Envelope[SuggestionRequest]) -> Answer:
        async def work(tenant_id: str) -> Outcome:
            found = [one.wire() for one in await parts.suggest(body.payload)]
            return Outcome(
                output={"suggestions": found}, model_id=MODEL_ID, model_version=MODEL_VERSION
            )

        return await answered(parts, request, body, MEAL_SUGGESTIONS, work)

    return router
