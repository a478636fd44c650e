"""Plans: against every plan there is, where that many can be looked at."""

import time
from itertools import product
from typing import Any

from hypothesis import given, settings

from deployments.planner.answer import Incumbent, PlanAnswer, Status
from deployments.planner.problem import OPEN, compile_request
from deployments.planner.request import PlanRequest
from deployments.planner.solve import solve
from deployments.planner.worth import permitted, rank
from tests.unit.planner.requests import SMALL_REQUESTS, ingredient, recipe, request


def solved(data: dict[str, Any], heard: list[Incumbent] | None = None) -> PlanAnswer:
    return solve(
        PlanRequest.model_validate(data),
        clock=time.monotonic,
        on_incumbent=None if heard is None else heard.append,
    )


@settings(max_examples=40)
@given(SMALL_REQUESTS)
def test_no_plan_beats_the_optimal_one(data: dict[str, Any]) -> None:
    problem = compile_request(PlanRequest.model_validate(data))
    dishes = [OPEN, *range(len(problem.dishes))]
    best = max(
        rank(problem, plan)
        for plan in product(dishes, repeat=len(problem.slots))
        if permitted(problem, plan)
    )
    answer = solved(data)
    if best[0] == 0:  # a plan without a single meal is none
        assert answer.status is Status.INFEASIBLE
        assert answer.conflicts
        return
    assert answer.status is Status.OPTIMAL
    assert (len(answer.meal_plan), answer.objective) == best
    assert (answer.bound, answer.gap) == (answer.objective, 0)


@settings(max_examples=10)
@given(SMALL_REQUESTS)
def test_the_same_request_gives_the_same_answer(data: dict[str, Any]) -> None:
    first, again = (solved(data).model_copy(update={"solve_time_ms": 0.0}) for _ in range(2))
    assert first == again


def test_food_that_expires_is_cooked_before_it_does() -> None:
    data = request(
        [
            recipe("curry", ingredient("spinach", 300)),
            recipe("bowl", ingredient("rice", 100)),
        ],
        inventory=[
            {**ingredient("spinach", 300), "days_until_expiry": 0},
            ingredient("rice", 500),
        ],
    )
    answer = solved(data)
    assert [meal.recipe_id for meal in answer.meal_plan] == ["curry", "bowl"]
    assert answer.metrics is not None
    assert answer.metrics.expiring_ingredients_used == 1
    assert answer.metrics.shopping_items_count == 0


def test_what_has_expired_is_bought() -> None:
    data = request(
        [recipe("curry", ingredient("spinach", 300))],
        days=1,
        inventory=[{**ingredient("spinach", 300), "days_until_expiry": -1}],
    )
    [purchase] = solved(data).shopping_list
    assert (purchase.ingredient_id, purchase.quantity) == ("spinach", 300)


def test_units_are_converted_and_what_cannot_be_is_said() -> None:
    data = request(
        [recipe("bowl", ingredient("rice", 0.5, "kg"))],
        days=1,
        inventory=[ingredient("rice", 600, "g")],
    )
    assert solved(data).shopping_list == ()
    data = request(
        [recipe("bowl", ingredient("rice", 2, "furlong"))],
        days=1,
        inventory=[ingredient("rice", 600, "g")],
    )
    answer = solved(data)
    assert [one.ingredient_id for one in answer.shopping_list] == ["rice"]
    assert answer.warnings


def test_constraints_that_exclude_each_other_are_named_with_what_would_help() -> None:
    data = request(
        [recipe("lasagne", minutes=90), recipe("salad", minutes=10)],
        constraints={
            "locked_meals": [{"date": "2026-01-13", "recipe_id": "lasagne"}],
            "time_budgets": {"2026-01-12": 60, "2026-01-13": 35},
        },
    )
    answer = solved(data)
    assert answer.status is Status.INFEASIBLE
    assert answer.meal_plan == ()
    [conflict] = answer.conflict_sets
    assert len(conflict.constraints) == 2
    assert any("Lasagne" in each and "Tuesday" in each for each in conflict.constraints)
    assert any("35 min" in each for each in conflict.constraints)
    assert any("unlock Lasagne" in each for each in conflict.relaxations)
    assert any("90 min" in each for each in conflict.relaxations)


def test_a_slot_that_cannot_be_filled_is_left_open_and_said_so() -> None:
    answer = solved(request([recipe("stew")], days=2))
    assert len(answer.meal_plan) == 1
    [slot] = answer.open_slots
    assert slot.reason


def test_alternatives_differ_in_at_least_two_meals() -> None:
    recipes = [recipe(f"dish{n}", ingredient("rice", 100 + n)) for n in range(6)]
    answer = solved(request(recipes, days=3, alternatives=4))
    assert answer.alternatives
    plan = {(meal.date, meal.recipe_id) for meal in answer.meal_plan}
    for other in answer.alternatives:
        assert len(plan - {(meal.date, meal.recipe_id) for meal in other.meal_plan}) >= 2


def test_better_plans_are_heard_of_on_the_way() -> None:
    recipes = [
        recipe(f"dish{n}", ingredient(f"thing{n % 7}", 100), ingredient(f"other{n % 5}", 50))
        for n in range(30)
    ]
    heard: list[Incumbent] = []
    answer = solved(request(recipes, days=7), heard)
    assert heard
    assert heard[-1].objective <= (answer.objective or 0)
    assert [each.objective for each in heard] == sorted(each.objective for each in heard)


def test_when_time_runs_out_there_is_a_plan_with_its_proven_gap() -> None:
    recipes = [
        recipe(f"dish{n}", *(ingredient(f"thing{(n * k) % 53}", 100) for k in (1, 7, 11)))
        for n in range(150)
    ]
    answer = solved({**request(recipes, days=14), "timeout_ms": 400})
    assert len(answer.meal_plan) == 14
    assert answer.status in (Status.TIMEOUT, Status.OPTIMAL)
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.gap == answer.bound - answer.objective >= 0
