"""Meal plans through the real service, synchronously and as jobs."""

import time
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import WaitForJob
from tests.acceptance.service import Service
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

pytestmark = pytest.mark.both_databases

PLAN = request(
    [
        recipe("curry", ingredient("spinach", 300), ingredient("rice", 100)),
        recipe("bowl", ingredient("rice", 200)),
        recipe("lasagne", ingredient("beef", 400), minutes=90),
    ],
    inventory=[
        {**ingredient("spinach", 300), "days_until_expiry": 0},
        ingredient("rice", 1, "kg"),
    ],
)
HARD = {
    **request(
        [
            recipe(f"dish{n}", *(ingredient(f"t{(n * k) % 97}", 100) for k in (1, 7, 11, 13)))
            for n in range(300)
        ],
        days=28,
    ),
    "timeout_ms": 30_000,
}


def body(payload: dict[str, Any]) -> dict[str, Any]:
    return {"request_id": "plan", "tenant_id": "acceptance", "user_id": None, "payload": payload}


def test_an_optimal_plan_is_proved_optimal(client: httpx.Client) -> None:
    response = client.post("/api/v1/optimize/meal-plan", json=body(PLAN))
    assert response.status_code == 200
    plan = response.json()["payload"]
    assert (plan["status"], plan["gap"]) == ("optimal", 0)
    assert [meal["recipe_id"] for meal in plan["meal_plan"]] == ["curry", "bowl"]
    assert plan["shopping_list"] == []
    assert plan["metrics"]["expiring_ingredients_used"] == 1


def test_conflicting_constraints_are_explained(client: httpx.Client) -> None:
    constraints = {
        "locked_meals": [{"date": "2026-01-13", "recipe_id": "lasagne"}],
        "time_budgets": {"2026-01-13": 35},
    }
    response = client.post(
        "/api/v1/optimize/meal-plan", json=body({**PLAN, "constraints": constraints})
    )
    plan = response.json()["payload"]
    assert (plan["status"], plan["meal_plan"]) == ("infeasible", [])
    assert "Lasagne" in plan["conflicts"][0]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"recipes": [recipe(f"r{n}") for n in range(10_000)]}, 413, "limit is 2000"),
        ({"recipes": [recipe("a"), recipe("a")]}, 422, "recipe id appears twice: a"),
        ({"recipes": [{**recipe("a"), "ingredients": []}]}, 422, "recipes.0.ingredients"),
        ({"recipes": [recipe("a", ingredient("x", -1))]}, 422, "ingredients.0.quantity"),
        ({"inventory": [ingredient("x", 1e308)]}, 422, "inventory.0.quantity"),
        ({"constraints": {"excluded_recipes": ["ghost"]}}, 422, "not in the request: ghost"),
        (
            {"constraints": {"locked_meals": [{"date": "2026-01-12", "recipe_id": "ghost"}]}},
            422,
            "not in the request: ghost",
        ),
        ({"constraints": {"time_budgets": {"2026-03-01": 9}}}, 422, "horizon: 2026-03-01"),
        ({"weights": {"variety": 1.5}}, 422, "weights.variety"),
        ({"constraints": {"allergies": ["nuts"]}}, 422, "allergies; it knows excluded_ingredients"),
        ({"people": [{"id": "a", "allergic": 1}]}, 422, "field of a person allergic"),
    ],
)
def test_an_invalid_request_is_refused_with_its_reason(
    client: httpx.Client, change: dict[str, Any], status: int, message: str
) -> None:
    response = client.post("/api/v1/optimize/meal-plan", json=body({**PLAN, **change}))
    assert response.status_code == status
    assert message in response.json()["error"]


def test_everybody_gets_a_dish_that_they_may_eat(client: httpx.Client) -> None:
    people = [{"id": "ada"}, {"id": "ben", "name": "Ben", "dislikes": ["spinach"]}]
    response = client.post("/api/v1/optimize/meal-plan", json=body({**PLAN, "people": people}))
    plan = response.json()["payload"]
    assert plan["status"] == "optimal"
    fed = sorted((meal["date"], person) for meal in plan["meal_plan"] for person in meal["feeds"])
    assert fed == [(day, name) for day in ("2026-01-12", "2026-01-13") for name in ("ada", "ben")]


def test_suggestions_use_expiring_ingredients(client: httpx.Client) -> None:
    payload = {"mode": "use_expiring", "inventory": PLAN["inventory"], "recipes": PLAN["recipes"]}
    response = client.post("/api/v1/optimize/suggestions", json=body(payload))
    assert response.status_code == 200
    (suggestion,) = response.json()["payload"]["suggestions"]
    assert (suggestion["recipe_id"], suggestion["missing"]) == ("curry", [])
    assert suggestion["expiring_used"] == ["Spinach"]
    assert suggestion["score"] > 0


def test_a_running_job_reports_its_incumbents_gap(
    client: httpx.Client, wait_for_job: WaitForJob
) -> None:
    submitted = client.post(
        "/api/v1/jobs",
        json={"tenant_id": "acceptance", "feature": "meal_optimization", "payload": HARD},
    )
    job = wait_for_job(submitted.json()["id"], lambda job: job["progress_detail"] is not None)
    incumbent = job["progress_detail"]
    assert job["status"] == "running"
    assert incumbent["gap"] == incumbent["bound"] - incumbent["objective"]
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 200


def test_a_plan_is_made_as_a_job(client: httpx.Client, wait_for_job: WaitForJob) -> None:
    submitted = client.post(
        "/api/v1/jobs",
        json={"tenant_id": "acceptance", "feature": "meal_optimization", "payload": PLAN},
    )
    job = wait_for_job(submitted.json()["id"])
    assert job["status"] == "succeeded"
    assert job["output_payload"]["status"] == "optimal"


def test_a_disconnect_stops_the_solver(client: httpx.Client, service: Service) -> None:
    def solvers() -> set[int]:
        return {process.pid for process in service.processes("sidecar.planning.worker")}

    before = solvers()
    assert before
    try:
        client.post("/api/v1/optimize/meal-plan", json=body(HARD), timeout=1.5)
    except httpx.ReadTimeout:
        pass
    else:
        raise AssertionError("the plan was not hard enough")
    deadline = time.monotonic() + 20
    while not solvers() - before:  # the killed process has been replaced
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.post("/api/v1/optimize/meal-plan", json=body(PLAN)).status_code == 200
