from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planner_households import household
from bench.planner_instances import START
from sidecar.planning.compiler import compile_request
from sidecar.planning.feasibility import check_feasibility
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve
from sidecar.planning.unsat_cores import ConstraintKind, UserConstraint

DAY = START.isoformat()


def restricted(problem, constraints):
    """Return the problem without any other user constraints."""
    wishes = [c.subject for c in constraints if c.kind is ConstraintKind.INGREDIENT]
    diet = [problem.diet[c.subject] for c in constraints if c.kind is ConstraintKind.DIET]
    return replace(
        problem,
        dishes=tuple(
            replace(
                dish,
                excluded=UserConstraint(ConstraintKind.EXCLUDED, dish.recipe) in constraints,
                lacking=tuple(tag for tag in dish.lacking if tag in diet),
                barred=tuple(barred for barred in dish.barred if barred.wish in wishes),
            )
            for dish in problem.dishes
        ),
        day_budgets=tuple(
            budget if UserConstraint(ConstraintKind.DAY_BUDGET, day) in constraints else None
            for day, budget in enumerate(problem.day_budgets)
        ),
        sitting_budgets=tuple(
            budget if UserConstraint(ConstraintKind.MEAL_BUDGET, slot) in constraints else None
            for slot, budget in enumerate(problem.sitting_budgets)
        ),
        locks=tuple(
            lock
            for number, lock in enumerate(problem.locks)
            if UserConstraint(ConstraintKind.LOCK, number) in constraints
        ),
        people=tuple(
            replace(person, denied=only(person.denied, ConstraintKind.WISH, constraints))
            for person in problem.people
        ),
        slot_habits=only(problem.slot_habits, ConstraintKind.HABIT, constraints),
        no_cooking=only(problem.no_cooking, ConstraintKind.NO_COOKING, constraints),
        limits=tuple(
            limit
            for limit in problem.limits
            if UserConstraint(ConstraintKind.NUTRITION, limit.bound) in constraints
        ),
        max_cooking_days=problem.max_cooking_days
        if UserConstraint(ConstraintKind.COOKING_DAYS) in constraints
        else None,
        min_distance=problem.min_distance
        if UserConstraint(ConstraintKind.DISTANCE) in constraints
        else 0,
        budget=problem.budget if UserConstraint(ConstraintKind.COST) in constraints else None,
        max_items=problem.max_items
        if UserConstraint(ConstraintKind.SHOPPING) in constraints
        else None,
        max_repeats=problem.max_repeats
        if UserConstraint(ConstraintKind.REPEATS) in constraints
        else len(problem.slots),
    )


def only(subjects, kind, constraints):
    kept = {
        key: tuple(number for number in numbers if UserConstraint(kind, number) in constraints)
        for key, numbers in subjects.items()
    }
    return {key: numbers for key, numbers in kept.items() if numbers}


def contradictory(seed):
    """Return a small request whose constraints are likely to contradict each other."""
    raw = household(seed)
    constraints = raw["constraints"]
    constraints["locked_meals"] = [
        {"date": DAY, "recipe_id": recipe["id"]} for recipe in raw["recipes"][:2]
    ]
    constraints["max_shopping_items"] = seed % 3
    constraints["time_budgets"] = {DAY: 30 + seed % 60}
    return raw


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6))
def test_a_conflict_rules_out_every_plan_and_dropping_any_of_its_constraints_allows_one(seed):
    problem = compile_request(PlanRequest.model_validate(contradictory(seed)))
    for conflict in check_feasibility(problem).conflicts:
        constraints = set(conflict.constraints)
        assert check_feasibility(restricted(problem, constraints)).pins is None
        for constraint in constraints:
            remaining = constraints - {constraint}
            assert check_feasibility(restricted(problem, remaining)).pins is not None


def solve_with_one_conflict(raw):
    answer = solve(PlanRequest.model_validate(raw), clock=lambda: 0.0)
    assert answer.status == "infeasible"
    (conflict,) = answer.conflict_sets
    return answer, conflict


def request(**constraints):
    ingredient = {"ingredient_id": "i", "name": "rice", "quantity": 1, "unit": "kg"}
    return {
        "planning_horizon": {"start_date": DAY, "days": 3, "meal_types": ["dinner"]},
        "recipes": [
            {"id": "l", "name": "Lasagne", "cook_time": 35, "ingredients": [ingredient]},
            {"id": "r", "name": "Rice", "cook_time": 10, "ingredients": [ingredient]},
        ],
        "constraints": constraints,
    }


def test_a_lock_that_exceeds_a_budget_names_both_and_the_smallest_sufficient_budget():
    answer, conflict = solve_with_one_conflict(
        request(locked_meals=[{"date": DAY, "recipe_id": "l"}], time_budgets={DAY: 20})
    )
    assert "Lasagne is locked for Monday 2026-01-12" in answer.conflicts[0]
    assert "Monday 2026-01-12 allows 20 min" in answer.conflicts[0]
    assert set(conflict.relaxations) == {
        "unlock Lasagne on Monday 2026-01-12",
        "allow 35 min on Monday 2026-01-12",
    }


def test_a_lock_that_the_diet_forbids_is_a_conflict_and_not_an_error():
    raw = request(locked_meals=[{"date": DAY, "recipe_id": "l"}], dietary=["vegan"])
    raw["recipes"][1]["tags"] = ["vegan"]
    _, conflict = solve_with_one_conflict(raw)
    assert any("vegan" in sentence for sentence in conflict.constraints)
    assert any("Lasagne" in sentence for sentence in conflict.constraints)


def test_a_lock_of_an_excluded_recipe_is_a_conflict():
    _, conflict = solve_with_one_conflict(
        request(locked_meals=[{"date": DAY, "recipe_id": "l"}], excluded_recipes=["l"])
    )
    assert "allow Lasagne again" in conflict.relaxations


def test_a_lock_of_a_recipe_with_an_excluded_ingredient_is_a_conflict():
    _, conflict = solve_with_one_conflict(
        request(locked_meals=[{"date": DAY, "recipe_id": "l"}], excluded_ingredients=["rice"])
    )
    assert conflict.constraints == ("no recipe may contain rice",)
    assert conflict.relaxations == ("allow rice again",)


def test_two_dishes_locked_for_one_slot_conflict():
    _, conflict = solve_with_one_conflict(
        request(locked_meals=[{"date": DAY, "recipe_id": name} for name in "lr"])
    )
    assert len(conflict.constraints) == 2


def test_thirty_dishes_locked_for_eight_meals_conflict_in_minimal_sets_of_nine():
    meals = [f"meal {number}" for number in range(8)]
    raw = request(locked_meals=[{"date": DAY, "recipe_id": f"d{n}"} for n in range(30)])
    raw["planning_horizon"]["meal_types"] = meals
    raw["recipes"] = [{**raw["recipes"][0], "id": f"d{n}", "name": f"Dish {n}"} for n in range(30)]
    feasibility = check_feasibility(compile_request(PlanRequest.model_validate(raw)))
    assert [len(conflict.constraints) for conflict in feasibility.conflicts] == [9, 9, 9]


def test_a_diet_that_no_recipe_satisfies_is_the_only_constraint_named():
    _, conflict = solve_with_one_conflict(request(dietary=["vegan"]))
    assert conflict.constraints == ("every recipe must be vegan",)


def test_the_smallest_sufficient_shopping_limit_is_suggested():
    _, conflict = solve_with_one_conflict(request(max_shopping_items=0))
    assert conflict.relaxations == ("allow 1 ingredient to be bought",)
