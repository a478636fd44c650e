"""Meal plans through the real service: while the caller waits, and as a job."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

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


def test_a_plan_comes_with_its_proof(client: httpx.Client) -> None:
    answer = client.post("/api/v1/optimize/meal-plan", json=body(PLAN))
    assert answer.status_code == 200
    plan = answer.json()["payload"]
    assert (plan["status"], plan["gap"]) == ("optimal", 0)
    assert [meal["recipe_id"] for meal in plan["meal_plan"]] == ["curry", "bowl"]
    assert plan["shopping_list"] == []
    assert plan["metrics"]["expiring_ingredients_used"] == 1


def test_constraints_that_exclude_each_other_are_an_answer(client: httpx.Client) -> None:
    constraints = {
        "locked_meals": [{"date": "2026-01-13", "recipe_id": "lasagne"}],
        "time_budgets": {"2026-01-13": 35},
    }
    answer = client.post(
        "/api/v1/optimize/meal-plan", json=body({**PLAN, "constraints": constraints})
    )
    plan = answer.json()["payload"]
    assert (plan["status"], plan["meal_plan"]) == ("infeasible", [])
    assert "Lasagne" in plan["conflicts"][0]


@pytest.mark.parametrize(
    ("change", "status", "said"),
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
    ],
)
def test_a_request_that_cannot_work_is_refused_by_name(
    client: httpx.Client, change: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/api/v1/optimize/meal-plan", json=body({**PLAN, **change}))
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_suggestions_use_what_expires(client: httpx.Client) -> None:
    wanted = {"mode": "use_expiring", "inventory": PLAN["inventory"], "recipes": PLAN["recipes"]}
    answer = client.post("/api/v1/optimize/suggestions", json=body(wanted))
    assert answer.status_code == 200
    (found,) = answer.json()["payload"]["suggestions"]
    assert (found["recipe_id"], found["missing"]) == ("curry", [])
    assert found["expiring_used"] == ["Spinach"]
    assert found["score"] > 0


def test_a_running_job_tells_how_good_its_plan_is_so_far(
    client: httpx.Client, until: Callable[..., dict[str, Any]]
) -> None:
    submitted = client.post(
        "/api/v1/jobs",
        json={"tenant_id": "acceptance", "feature": "meal_optimization", "payload": HARD},
    )
    job = until(submitted.json()["id"], lambda job: job["progress_detail"] is not None)
    so_far = job["progress_detail"]
    assert job["status"] == "running"
    assert so_far["gap"] == so_far["bound"] - so_far["objective"]
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 200


def test_a_plan_as_a_job(client: httpx.Client, until: Callable[..., dict[str, Any]]) -> None:
    submitted = client.post(
        "/api/v1/jobs",
        json={"tenant_id": "acceptance", "feature": "meal_optimization", "payload": PLAN},
    )
    job = until(submitted.json()["id"])
    assert job["status"] == "succeeded"
    assert job["output_payload"]["status"] == "optimal"


def test_a_client_that_hangs_up_stops_the_solver(client: httpx.Client, service: Service) -> None:
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
    while not solvers() - before:  # the one that solved is gone and has been replaced
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.post("/api/v1/optimize/meal-plan", json=body(PLAN)).status_code == 200
