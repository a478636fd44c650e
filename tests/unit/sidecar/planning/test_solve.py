from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.planner_households import household
from bench.planner_instances import instance, small
from sidecar.planning.certificate import certify
from sidecar.planning.compiler import compile_request
from sidecar.planning.response import Incumbent, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess
from sidecar.planning.solve import solve
from tests.unit.sidecar.planning import oracle
from tests.unit.sidecar.planning.plans import (
    START,
    as_menu,
    as_plan,
    lot,
    menu,
    plan,
    recipe,
    request,
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from((small, household)), st.integers(0, 10**6))
def test_an_optimal_plan_is_the_best_of_all_plans(make, seed):
    raw = make(seed)
    if make is small:
        raw["recipes"] = raw["recipes"][:5]
        known = {recipe["id"] for recipe in raw["recipes"]}
        constraints = raw["constraints"]
        constraints["locked_meals"] = [
            lock for lock in constraints["locked_meals"] if lock["recipe_id"] in known
        ]
        constraints["excluded_recipes"] = [
            recipe for recipe in constraints["excluded_recipes"] if recipe in known
        ]
    parsed = PlanRequest.model_validate(raw)
    assume(oracle.count_menus(parsed) <= 10_000)  # the rest would take minutes
    answer = plan(raw)
    expected = oracle.best(parsed)
    if expected is None:
        assert answer.status is Status.INFEASIBLE
        assert answer.conflicts
    else:
        assert answer.status is Status.OPTIMAL
        fed = oracle.count_fed(as_menu(answer, parsed))
        assert (fed, answer.objective) == expected
        assert answer.gap == 0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((small, household)), st.integers(0, 10**6))
def test_every_plan_and_alternative_is_feasible_and_reaches_its_objective(make, seed):
    raw = make(seed, alternatives=5)
    parsed = PlanRequest.model_validate(raw)
    answer = plan(raw)
    for result in (answer, *answer.alternatives) if answer.meal_plan else ():
        chosen = as_menu(result, parsed)
        assert oracle.is_feasible(parsed, chosen)
        assert int(oracle.score(parsed, chosen) // 1) == result.objective


def test_the_same_request_gives_the_same_answer():
    raw = instance(3, 40, 7, alternatives=3, timeout_ms=50_000)  # proven, however busy the machine
    assert plan(raw).wire() == plan(raw).wire()


def test_only_food_used_before_it_expires_counts_as_rescued():
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


def test_expired_food_is_not_used():
    raw = request([recipe("pie", ("spinach", 200, "g"))], [lot("spinach", 900, "g", expiry=-1)])
    answer = plan(raw)
    assert [item.quantity for item in answer.shopping_list] == [200]
    assert answer.metrics.total_expiring_ingredients == 0


def test_exactly_the_shortfall_is_bought_across_units():
    raw = request([recipe("stew", ("milk", 1, "l"))], [lot("milk", 400, "ml")])
    (item,) = plan(raw).shopping_list
    assert (item.quantity, item.unit, item.for_recipes) == (0.6, "l", ("stew",))


def test_three_thirds_of_a_cup_are_one_cup():
    third = recipe("cake", ("cream", "1/3", "cup"))
    raw = request([third], [lot("cream", 1, "cup")], days=3, max_repeats=3)
    answer = plan(raw)
    assert menu(answer) == ["cake"] * 3
    assert answer.shopping_list == ()


def test_units_that_do_not_convert_cause_a_warning_and_a_purchase():
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


def test_a_recipe_with_an_excluded_ingredient_is_not_planned_and_the_answer_says_why():
    dishes = [
        recipe("satay", ("peanut butter", 50, "g"), is_favorite=True),
        recipe("porridge", ("oats", 80, "g"), is_favorite=True),
        recipe("rice", ("rice", 100, "g")),
    ]
    answer = plan(request(dishes, excluded_ingredients=["nuts", "gluten"]))
    assert menu(answer) == ["rice"]
    assert [(e.recipe_id, e.ingredient, e.sure) for e in answer.excluded] == [
        ("satay", "peanut butter", True),
        ("porridge", "oats", False),
    ]
    assert "oats may contain gluten; recipes with it are left out" in answer.warnings
    assert "satay was left out: it contains peanut butter (nuts)." in answer.explanation


def test_an_excluded_optional_ingredient_is_left_out_of_its_dish():
    dish = recipe("salad", ("lettuce", 1, ""), ("walnuts", 30, "g"))
    dish["ingredients"][1]["optional"] = True
    answer = plan(request([dish], excluded_ingredients=["nuts"]))
    assert menu(answer) == ["salad"]
    assert "Leave walnuts out of salad." in answer.explanation


def test_an_exclusion_that_no_recipe_contains_is_said():
    answer = plan(request([recipe("rice", ("rice", 1, "g"))], excluded_ingredients=["durian"]))
    assert answer.warnings == ("no recipe contains durian, which is excluded",)


def test_an_answer_has_no_field_that_the_request_gives_no_cause_for():
    assert "excluded" not in plan(request([recipe("rice", ("rice", 1, "g"))])).wire()


def test_optional_ingredients_are_never_bought():
    dish = recipe("pasta", ("pasta", 200, "g"), ("basil", 1, "bunch"))
    dish["ingredients"][1]["optional"] = True
    answer = plan(request([dish]))
    assert [item.ingredient_id for item in answer.shopping_list] == ["pasta"]


def test_servings_scale_the_quantities():
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
def test_each_weight_decides_the_plan(weight, chosen):
    dishes = [
        recipe("saver", ("spinach", 1, "kg"), ("a", 1, "g"), cook_time=50),
        recipe("frugal", ("rice", 1, "kg"), cook_time=50),
        recipe("exotic", ("b", 1, "g"), ("c", 1, "g"), cook_time=50, cuisine="thai"),
        recipe("quick", ("d", 1, "g"), ("e", 1, "g"), cook_time=5),
    ]
    stock = [lot("spinach", 1, "kg", expiry=1), lot("rice", 1, "kg")]
    assert menu(plan(request(dishes, stock, weights={weight: 1}))) == [chosen]


def test_a_favorite_wins_a_tie():
    dishes = [recipe(name, ("x", 1, "g"), is_favorite=name == "b") for name in "abc"]
    assert menu(plan(request(dishes))) == ["b"]


def test_meal_type_tags_restrict_a_recipe_and_others_fit_any_meal():
    dishes = [
        recipe("pancakes", ("x", 1, "g"), tags=["Breakfast"]),
        recipe("soup", ("x", 1, "g"), tags=["vegan"]),
    ]
    answer = plan(request(dishes, meals=("dinner", "breakfast")))
    assert as_menu(answer) == {(0, "breakfast"): "pancakes", (0, "dinner"): "soup"}


def test_a_day_budget_covers_all_meals_of_the_day():
    dishes = [recipe(str(n), ("x", 1, "g"), cook_time=20 * n) for n in (1, 2, 3)]
    raw = request(dishes, meals=("lunch", "dinner"), time_budgets={START: 60})
    assert sorted(menu(plan(raw))) == ["1", "2"]


def test_slots_that_cannot_be_filled_are_left_open_with_a_reason():
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


def test_a_missed_deadline_still_gives_a_feasible_plan_with_a_bound():
    ticks = count()
    raw = instance(1, 60, 7, 2, timeout_ms=100, locks=0, diet=0)
    parsed = PlanRequest.model_validate(raw)
    answer = solve(parsed, clock=lambda: float(next(ticks)))  # a reading takes a second
    assert answer.status is Status.TIMEOUT
    assert oracle.is_feasible(parsed, as_menu(answer, parsed))
    assert answer.bound >= answer.objective
    assert answer.gap == answer.bound - answer.objective


def test_progress_only_improves():
    incumbents: list[Incumbent] = []
    answer = plan(instance(2, 60, 7), incumbents.append)
    for before, after in pairwise(incumbents):
        assert (after.meals, after.objective) >= (before.meals, before.objective)
    assert incumbents[-1].objective == answer.objective
    assert incumbents[-1].gap == 0


@settings(max_examples=40, deadline=None)
@given(st.sampled_from((small, household)), st.integers(0, 10**6))
def test_no_claim_above_the_true_score_or_below_the_true_purchases_is_certified(make, seed):
    parsed = PlanRequest.model_validate(make(seed))
    answer = plan(make(seed))
    if answer.status is Status.INFEASIBLE:
        return
    problem = compile_request(parsed)
    chosen = as_plan(problem, answer)
    assessment = assess(problem, chosen)
    assert certify(problem, chosen, assessment)
    assert not certify(problem, chosen, replace(assessment, score=assessment.score + 1))
    for item in assessment.purchases:
        claim = replace(assessment, purchases=assessment.purchases - {item})
        assert not certify(problem, chosen, claim)


@pytest.mark.parametrize("raw", [instance(4, 60, 7), household(11), household(13)])
def test_a_lone_request_has_the_same_answer_on_two_cores(raw):
    parsed = PlanRequest.model_validate(raw)
    alone, beside_others = (
        solve(parsed, clock=lambda: 0.0, idle_core=idle_core).wire() for idle_core in (True, False)
    )
    assert alone == beside_others
    assert alone["status"] == "optimal"
