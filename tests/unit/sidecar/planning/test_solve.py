from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planner_instances import instance, small
from sidecar.planning.alternatives import difference
from sidecar.planning.certificate import certify
from sidecar.planning.problem import OPEN, compile_request
from sidecar.planning.response import Incumbent, PlanAnswer, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess
from sidecar.planning.solve import solve
from tests.unit.sidecar.planning import oracle

START = "2026-01-12"  # a Monday


def plan(raw, on_incumbent=None) -> PlanAnswer:
    """Solve without a running clock: only steps count, so nothing depends on the machine."""
    return solve(PlanRequest.model_validate(raw), clock=lambda: 0.0, on_incumbent=on_incumbent)


def recipe(name, *ingredients, **fields):
    parts = [
        {"ingredient_id": food, "name": food, "quantity": quantity, "unit": unit}
        for food, quantity, unit in ingredients
    ]
    return {"id": name, "name": name, "ingredients": parts, **fields}


def lot(food, quantity, unit, expiry=None):
    return {
        "ingredient_id": food,
        "name": food,
        "quantity": quantity,
        "unit": unit,
        "days_until_expiry": expiry,
    }


def request(recipes, inventory=(), days=1, meals=("dinner",), weights=None, **constraints):
    zero = dict.fromkeys(("expiring_priority", "shopping_minimization", "variety", "time_fit"), 0)
    return {
        "planning_horizon": {"start_date": START, "days": days, "meal_types": list(meals)},
        "inventory": list(inventory),
        "recipes": recipes,
        "constraints": constraints,
        "weights": {**zero, **weights} if weights is not None else {},
    }


def menu(answer):
    return [meal.recipe_id for meal in answer.meal_plan]


def as_menu(answer):
    return {(meal.day_index, meal.meal_type): meal.recipe_id for meal in answer.meal_plan}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_a_plan_called_optimal_is_the_best_of_all_plans(seed):
    raw = small(seed)
    raw["recipes"] = raw["recipes"][:5]
    known = {each["id"] for each in raw["recipes"]}
    constraints = raw["constraints"]
    constraints["locked_meals"] = [
        lock for lock in constraints["locked_meals"] if lock["recipe_id"] in known
    ]
    constraints["excluded_recipes"] = [r for r in constraints["excluded_recipes"] if r in known]
    parsed = PlanRequest.model_validate(raw)
    answer = plan(raw)
    truth = oracle.best(parsed)
    if truth is None:
        assert answer.status is Status.INFEASIBLE
        assert answer.conflicts
    else:
        assert answer.status is Status.OPTIMAL
        assert (len(answer.meal_plan), answer.objective) == truth
        assert answer.gap == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_every_plan_and_alternative_keeps_the_constraints_and_its_worth(seed):
    raw = small(seed, alternatives=5)
    parsed = PlanRequest.model_validate(raw)
    answer = plan(raw)
    for each in (answer, *answer.alternatives) if answer.meal_plan else ():
        assert oracle.allowed(parsed, as_menu(each))
        assert int(oracle.worth(parsed, as_menu(each)) // 1) == each.objective


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_alternatives_differ_in_two_meals_and_are_nearly_as_good(seed):
    raw = instance(seed, 25, 5, locks=0, alternatives=5)
    answer = plan(raw)
    if answer.status is Status.INFEASIBLE:
        return
    menus = [menu(each) for each in (answer, *answer.alternatives)]
    for place, one in enumerate(menus):
        for other in menus[:place]:
            assert difference(tuple(one), tuple(other)) >= 2
    for other in answer.alternatives:
        assert 0 <= answer.objective - other.objective <= 2 * answer.points_per_purchase


def test_the_same_request_gives_the_same_answer():
    raw = instance(3, 40, 7, alternatives=3, timeout_ms=50_000)  # proven, however busy the machine
    assert plan(raw).wire() == plan(raw).wire()


def test_food_is_used_while_it_lasts_and_only_then_counts_as_rescued():
    dishes = [
        recipe("spinach pie", ("spinach", 200, "g")),
        recipe("rice", ("rice", 1, "kg")),
        recipe("beans", ("beans", 1, "kg")),
    ]
    raw = request(
        dishes, [lot("spinach", 200, "g", expiry=0)], days=2, weights={"expiring_priority": 1}
    )
    answer = plan(raw)
    assert answer.meal_plan[0].recipe_id == "spinach pie"
    assert answer.metrics.expiring_ingredients_used == 1
    assert [rescue.quantity for rescue in answer.metrics.waste_prevented] == [200]
    assert any("spinach" in sentence and "expires" in sentence for sentence in answer.explanation)


def test_expired_food_is_no_stock():
    raw = request([recipe("pie", ("spinach", 200, "g"))], [lot("spinach", 900, "g", expiry=-1)])
    answer = plan(raw)
    assert [item.quantity for item in answer.shopping_list] == [200]
    assert answer.metrics.total_expiring_ingredients == 0


def test_what_is_short_is_bought_across_units_by_exactly_what_is_missing():
    raw = request([recipe("stew", ("milk", 1, "l"))], [lot("milk", 400, "ml")])
    (item,) = plan(raw).shopping_list
    assert (item.quantity, item.unit, item.for_recipes) == (0.6, "l", ("stew",))


def test_three_thirds_of_a_cup_are_a_cup():
    third = recipe("cake", ("cream", "1/3", "cup"))
    raw = request([third], [lot("cream", 1, "cup")], days=3, max_repeats=3)
    answer = plan(raw)
    assert menu(answer) == ["cake"] * 3
    assert answer.shopping_list == ()


def test_units_that_do_not_convert_are_a_warning_and_a_purchase():
    raw = request([recipe("soup", ("kale", 2, "bunch"))], [lot("kale", 500, "g")])
    answer = plan(raw)
    assert [item.ingredient_id for item in answer.shopping_list] == ["kale"]
    assert "kale" in answer.warnings[0]


def test_an_ingredient_bought_once_serves_two_meals():
    dishes = [
        recipe("tomato soup", ("tomato", 500, "g")),
        recipe("tomato salad", ("tomato", 300, "g")),
        recipe("fish", ("cod", 1, "lb")),
    ]
    answer = plan(request(dishes, days=2, weights={"shopping_minimization": 1}))
    assert sorted(menu(answer)) == ["tomato salad", "tomato soup"]
    assert [item.quantity for item in answer.shopping_list] == [800]


def test_optional_ingredients_are_never_bought():
    dish = recipe("pasta", ("pasta", 200, "g"), ("basil", 1, "bunch"))
    dish["ingredients"][1]["optional"] = True
    answer = plan(request([dish]))
    assert [item.ingredient_id for item in answer.shopping_list] == ["pasta"]


def test_servings_scale_what_is_needed():
    raw = request([recipe("rice", ("rice", 200, "g"), servings=2)], servings=5)
    assert plan(raw).shopping_list[0].quantity == 500


@pytest.mark.parametrize(
    ("weight", "chosen"),
    [
        ("expiring_priority", "saver"),
        ("shopping_minimization", "frugal"),
        ("variety", "exotic"),
        ("time_fit", "quick"),
    ],
)
def test_each_weight_changes_the_plan_as_it_says(weight, chosen):
    dishes = [
        recipe("saver", ("spinach", 1, "kg"), ("a", 1, "g"), cook_time=50),
        recipe("frugal", ("rice", 1, "kg"), cook_time=50),
        recipe("exotic", ("b", 1, "g"), ("c", 1, "g"), cook_time=50, cuisine="thai"),
        recipe("quick", ("d", 1, "g"), ("e", 1, "g"), cook_time=5),
    ]
    stock = [lot("spinach", 1, "kg", expiry=1), lot("rice", 1, "kg")]
    assert menu(plan(request(dishes, stock, weights={weight: 1}))) == [chosen]


def test_a_favourite_wins_among_equals():
    dishes = [recipe(name, ("x", 1, "g"), is_favorite=name == "b") for name in "abc"]
    assert menu(plan(request(dishes))) == ["b"]


def test_meal_type_tags_bind_and_recipes_without_one_fit_anywhere():
    dishes = [
        recipe("pancakes", ("x", 1, "g"), tags=["Breakfast"]),
        recipe("soup", ("x", 1, "g"), tags=["vegan"]),
    ]
    answer = plan(request(dishes, meals=("dinner", "breakfast")))
    assert as_menu(answer) == {(0, "breakfast"): "pancakes", (0, "dinner"): "soup"}


def test_a_budget_of_the_whole_day_covers_all_its_meals():
    dishes = [recipe(str(n), ("x", 1, "g"), cook_time=20 * n) for n in (1, 2, 3)]
    raw = request(dishes, meals=("lunch", "dinner"), time_budgets={START: 60})
    assert sorted(menu(plan(raw))) == ["1", "2"]


def test_slots_that_cannot_be_filled_are_left_open_and_said_so():
    raw = request(
        [recipe("roast", ("x", 1, "g"), cook_time=35), recipe("stew", ("x", 1, "g"), cook_time=90)],
        days=2,
        time_budgets={"2026-01-13": 20},
    )
    answer = plan(raw)
    assert answer.status is Status.OPTIMAL
    assert len(answer.meal_plan) == 1
    (gap,) = answer.open_slots
    assert gap.date == "2026-01-13"
    assert "Tuesday 2026-01-13 allows 20 min" in gap.reason
    assert any("min on Tuesday 2026-01-13" in step for step in gap.relaxations)


def test_a_deadline_that_has_passed_still_gives_a_certified_plan_with_a_bound():
    ticks = count()
    raw = instance(1, 60, 7, 2, timeout_ms=100, locks=0, diet=0)
    parsed = PlanRequest.model_validate(raw)
    answer = solve(parsed, clock=lambda: float(next(ticks)))  # each look at the clock is a second
    assert answer.status is Status.TIMEOUT
    assert oracle.allowed(parsed, as_menu(answer))
    assert answer.bound >= answer.objective
    assert answer.gap == answer.bound - answer.objective


def test_progress_only_ever_improves():
    heard: list[Incumbent] = []
    answer = plan(instance(2, 60, 7), heard.append)
    for before, after in pairwise(heard):
        assert (after.meals, after.objective) >= (before.meals, before.objective)
    assert heard[-1].objective == answer.objective
    assert heard[-1].gap == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_certificate_is_refused_to_any_claim_too_good(seed):
    parsed = PlanRequest.model_validate(small(seed))
    answer = plan(small(seed))
    if answer.status is Status.INFEASIBLE:
        return
    problem = compile_request(parsed)
    numbers = {dish.id: number for number, dish in enumerate(problem.dishes)}
    menu_of = as_menu(answer)
    chosen = tuple(
        numbers[menu_of[key]]
        if (key := (problem.day(s), problem.meals[problem.meal(s)])) in menu_of
        else OPEN
        for s in problem.slots
    )
    facts = assess(problem, chosen)
    assert certify(problem, chosen, facts)
    assert not certify(problem, chosen, replace(facts, worth=facts.worth + 1))
    for item in facts.purchases:
        assert not certify(problem, chosen, replace(facts, purchases=facts.purchases - {item}))
