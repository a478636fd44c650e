"""Plans over HTTP: the envelope in and out, an artifact for each, and the planner's own errors."""

import pytest

from sidecar.core.settings import PlannerSettings, Settings
from tests.unit.deployments.conftest import Front, serving
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

PLAN = request([recipe("curry", ingredient("rice", 100)), recipe("salad")])
TENANT = {"x-tenant-id": "t1"}


async def test_a_plan_is_answered_and_recorded(front: Front) -> None:
    answer = await front.client.post(
        "/api/v1/optimize/meal-plan",
        json={"request_id": "r1", "tenant_id": "t1", "user_id": None, "payload": PLAN},
    )
    assert answer.status_code == 200
    body = answer.json()
    assert (body["request_id"], body["status"]) == ("r1", "success")
    plan = body["payload"]
    assert plan["status"] == "optimal"
    assert {"date", "recipe_id", "recipe_name", "day_index", "meal_type"} <= plan["meal_plan"][
        0
    ].keys()
    artifacts = await front.client.get("/api/v1/artifacts?request_id=r1", headers=TENANT)
    [artifact] = artifacts.json()["artifacts"]
    assert artifact["id"] == body["metadata"]["artifact_id"]
    assert artifact["output_payload"] == plan
    assert artifact["feature"] == "meal_optimization"


async def test_suggestions_are_answered(front: Front) -> None:
    answer = await front.client.post(
        "/api/v1/optimize/suggestions",
        headers=TENANT,
        json={
            "payload": {
                "mode": "cook_with",
                "ingredients": ["rice"],
                "recipes": PLAN["recipes"],
                "limit": 1,
            }
        },
    )
    [suggestion] = answer.json()["payload"]["suggestions"]
    assert suggestion["recipe_id"] in ("curry", "salad")


@pytest.mark.parametrize(
    ("payload", "status", "code", "word"),
    [
        ({}, 422, "validation_error", "planning_horizon"),
        ({**PLAN, "recipes": [recipe("a"), recipe("a")]}, 422, "validation_error", "twice"),
        ({**PLAN, "recipes": [recipe("a", tags=["t"] * 65)]}, 413, "too_large", "tags"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(
    front: Front, payload: dict[str, object], status: int, code: str, word: str
) -> None:
    for path, body in (
        ("/api/v1/optimize/meal-plan", {"tenant_id": "t1", "payload": payload}),
        (
            "/api/v1/jobs",
            {"tenant_id": "t1", "feature": "meal_optimization", "payload": payload},
        ),
    ):
        answer = await front.client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert word in answer.json()["error"]


async def test_a_plan_can_be_a_job(front: Front) -> None:
    answer = await front.client.post(
        "/api/v1/jobs",
        json={"tenant_id": "t1", "feature": "meal_optimization", "payload": PLAN},
    )
    assert answer.json()["input_payload"]["recipes"][0]["id"] == "curry"


async def test_with_the_setting_a_plan_is_summed_up_by_the_engine(settings: Settings) -> None:
    summing_up = settings.model_copy(update={"planner": PlannerSettings(summary=True)})
    async with serving(summing_up) as front:
        front.engine.says = '{"summary": "An easy dinner."}'
        answer = await front.client.post(
            "/api/v1/optimize/meal-plan", json={"tenant_id": "t1", "payload": PLAN}
        )
    assert answer.json()["payload"]["summary"] == "An easy dinner."
