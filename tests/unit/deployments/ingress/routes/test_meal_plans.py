"""Meal plans and suggestions over HTTP: envelopes, artifacts and errors."""

import pytest

from sidecar.core.setting_groups import PlannerSettings
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

PLAN = request([recipe("curry", ingredient("rice", 100)), recipe("salad")])


async def test_a_plan_is_returned_and_recorded(ingress: IngressClient) -> None:
    response = await ingress.http.post(
        "/api/v1/optimize/meal-plan",
        json={"request_id": "r1", "tenant_id": "t1", "user_id": None, "payload": PLAN},
    )
    assert response.status_code == 200
    body = response.json()
    assert (body["request_id"], body["status"]) == ("r1", "success")
    plan = body["payload"]
    assert plan["status"] == "optimal"
    assert {"date", "recipe_id", "recipe_name", "day_index", "meal_type"} <= plan["meal_plan"][
        0
    ].keys()
    artifacts = await ingress.http.get("/api/v1/artifacts?request_id=r1", headers=TENANT)
    [artifact] = artifacts.json()["artifacts"]
    assert artifact["id"] == body["metadata"]["artifact_id"]
    assert artifact["output_payload"] == plan
    assert artifact["feature"] == "meal_optimization"


async def test_suggestions_are_returned(ingress: IngressClient) -> None:
    response = await ingress.http.post(
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
    [suggestion] = response.json()["payload"]["suggestions"]
    assert suggestion["recipe_id"] in ("curry", "salad")


@pytest.mark.parametrize(
    ("payload", "status", "code", "word"),
    [
        ({}, 422, "validation_error", "planning_horizon"),
        ({**PLAN, "recipes": [recipe("a"), recipe("a")]}, 422, "validation_error", "twice"),
        ({**PLAN, "recipes": [recipe("a", tags=["t"] * 65)]}, 413, "too_large", "tags"),
    ],
)
async def test_an_invalid_plan_request_is_refused(
    ingress: IngressClient, payload: dict[str, object], status: int, code: str, word: str
) -> None:
    for path, body in (
        ("/api/v1/optimize/meal-plan", {"tenant_id": "t1", "payload": payload}),
        (
            "/api/v1/jobs",
            {"tenant_id": "t1", "feature": "meal_optimization", "payload": payload},
        ),
    ):
        response = await ingress.http.post(path, json=body)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert word in response.json()["error"]


async def test_a_plan_can_be_a_job(ingress: IngressClient) -> None:
    response = await ingress.http.post(
        "/api/v1/jobs",
        json={"tenant_id": "t1", "feature": "meal_optimization", "payload": PLAN},
    )
    assert response.json()["input_payload"]["recipes"][0]["id"] == "curry"


async def test_the_engine_summarizes_a_plan_when_the_setting_is_on(settings: Settings) -> None:
    with_summary = settings.model_copy(update={"planner": PlannerSettings(summary=True)})
    async with serve_ingress(with_summary) as ingress:
        ingress.engine.reply = '{"summary": "An easy dinner."}'
        response = await ingress.http.post(
            "/api/v1/optimize/meal-plan", json={"tenant_id": "t1", "payload": PLAN}
        )
    assert response.json()["payload"]["summary"] == "An easy dinner."


async def test_a_plans_shopping_list_is_in_the_order_of_the_aisles(ingress: IngressClient) -> None:
    ingredients = [
        {"ingredient_id": name, "name": name, "quantity": 1} for name in ("apple", "milk", "bread")
    ]
    payload = {
        "planning_horizon": {"start_date": "2026-01-12", "days": 1, "meal_types": ["dinner"]},
        "recipes": [{"id": "r", "name": "R", "ingredients": ingredients}],
        "aisles": ["Dairy", "Produce"],
        "timeout_ms": 2000,
    }
    body = {"tenant_id": "t1", "payload": payload}
    response = await ingress.http.post("/api/v1/optimize/meal-plan", json=body)
    purchases = response.json()["payload"]["shopping_list"]
    assert [p["for_meals"] for p in purchases] == (
        [[{"date": "2026-01-12", "meal_type": "dinner"}]] * 3
    )
    categories = [p["category"] for p in purchases]
    assert categories == sorted(categories, key=["Dairy", "Produce"].index)


async def test_aisles_are_distinct(ingress: IngressClient) -> None:
    body = {"tenant_id": "t1", "payload": {**PLAN, "aisles": ["Dairy", "Dairy"]}}
    response = await ingress.http.post("/api/v1/optimize/meal-plan", json=body)
    assert response.status_code == 422
    assert "aisle appears twice" in response.json()["error"]
