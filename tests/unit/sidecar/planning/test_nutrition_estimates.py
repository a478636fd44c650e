"""Nutrients of recipes that give none, from their ingredients."""

import time

import pytest

from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

BUTTERED = recipe(
    "toast",
    ingredient("butter", 100),
    ingredient("moon dust", 5),
    {**ingredient("salt", 1), "quantity": None},
    servings=2,
)


def plan(*recipes, days=1, **fields):
    return solve(
        PlanRequest.model_validate(request([*recipes], days=days, **fields)), clock=time.monotonic
    )


def test_an_estimate_says_which_ingredients_are_unknown():
    answer = plan(BUTTERED, estimate_nutrition=True)
    assert answer.nutrition[0].sums["kcal"] == pytest.approx(371.5)
    (basis,) = answer.nutrition_estimates
    assert (basis.recipe_id, basis.ingredients, basis.unknown) == ("toast", 2, ("Moon Dust",))


def test_bounds_are_kept_by_estimates():
    bound = {"nutrient": "kcal", "max": 300}
    light = recipe("salad", ingredient("lettuce", 200), servings=2)
    answer = plan(BUTTERED, light, constraints={"nutrition": [bound]})
    assert [meal.recipe_id for meal in answer.meal_plan] == ["salad"]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [({"servings": None}, True), ({"nutrition": {"protein": 7}}, True), ({}, False)],
)
def test_what_a_recipe_gives_counts_and_nothing_is_estimated_unasked(fields, asked):
    answer = plan({**BUTTERED, **fields}, estimate_nutrition=asked)
    assert not answer.nutrition_estimates
    assert [intake.sums for intake in answer.nutrition] == (
        [{"protein": 7}] if "nutrition" in fields else []
    )
