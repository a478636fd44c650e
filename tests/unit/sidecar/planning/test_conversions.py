"""The caller's own conversions in plans, suggestions and shopping lists."""

import time

import pytest
from pydantic import ValidationError

from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.shopping_list import ShoppingListRequest, shopping_list
from sidecar.planning.solve import solve
from sidecar.planning.suggestions import suggest
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

PACK = {"unit": "pack", "quantity": 500, "to": "g"}
STEW = recipe("stew", ingredient("rice", 750))
INVENTORY = [{**ingredient("rice", 2, "packs"), "days_until_expiry": 1}]


def plan(**fields):
    checked = PlanRequest.model_validate(request([STEW], days=1, inventory=INVENTORY, **fields))
    return solve(checked, clock=time.monotonic)


def test_a_pack_at_home_is_as_many_grams_as_the_caller_says():
    assert [p.name for p in plan().shopping_list] == ["Rice"]
    answer = plan(conversions=[PACK])
    assert not answer.shopping_list
    assert not answer.warnings
    assert answer.metrics.waste_prevented[0].quantity == 750


@pytest.mark.parametrize(("food", "converts"), [("rice", True), ("lentils", False)])
def test_a_conversion_may_be_of_one_food(food, converts):
    assert bool(plan(conversions=[{**PACK, "name": food}]).shopping_list) is not converts


def test_related_units_convert_too():
    milliliter = {"unit": "ml", "quantity": 2, "to": "g", "name": "Rice"}
    soup = recipe("soup", ingredient("rice", 0.5, "l"))
    raw = request([soup], days=1, inventory=[ingredient("rice", 1, "kg")], conversions=[milliliter])
    answer = solve(PlanRequest.model_validate(raw), clock=time.monotonic)
    assert not answer.shopping_list


def test_lists_and_suggestions_take_conversions():
    fields = {"recipes": [STEW], "inventory": INVENTORY, "conversions": [PACK]}
    assert not shopping_list(ShoppingListRequest.model_validate(fields)).entries
    asked = SuggestionRequest.model_validate({"mode": "use_expiring", **fields})
    assert suggest(asked)[0].missing == ()


@pytest.mark.parametrize(
    "conversion",
    [
        {"unit": "kg", "quantity": 500, "to": "g"},
        {"unit": "pack", "quantity": 1, "to": "packs"},
        {"unit": "pack", "quantity": 0, "to": "g"},
        {"unit": "pack", "quantity": 1e300, "to": "g"},
        {"unit": " ", "quantity": 1, "to": "g"},
    ],
)
def test_other_conversions_are_refused(conversion):
    with pytest.raises(ValidationError):
        PlanRequest.model_validate(request([STEW], conversions=[conversion]))
