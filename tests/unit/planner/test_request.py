"""Requests: bounded, finite, free of duplicates, and about what exists."""

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.errors import TooLarge
from deployments.planner.request import PlanRequest, SuggestionRequest
from deployments.planner.suggest import suggest
from tests.unit.planner.requests import ingredient, recipe, request


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipes": []}, "recipes"),
        ({"recipes": [recipe("a"), recipe("a")]}, "twice"),
        ({"recipes": [recipe("a", ingredient("rice", float("nan")))]}, "quantity"),
        ({"recipes": [recipe("a", ingredient("rice", -1))]}, "quantity"),
        ({"planning_horizon": {"start_date": "2026-01-12", "days": 0}}, "days"),
        ({"planning_horizon": {"start_date": "2026-01-12", "days": 32}}, "days"),
        ({"planning_horizon": {"start_date": "9999-12-31", "days": 2}}, "start_date"),
        ({"weights": {"variety": 1.5}}, "variety"),
        ({"weights": {"variety": float("inf")}}, "variety"),
        ({"alternatives": 6}, "alternatives"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"constraints": {"excluded_recipes": ["ghost"]}}, "ghost"),
        ({"constraints": {"time_budgets": {"2027-01-01": 30}}}, "horizon"),
        (
            {"constraints": {"locked_meals": [{"date": "2026-01-12", "recipe_id": "ghost"}]}},
            "ghost",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PlanRequest.model_validate({**request([recipe("a")]), **changes})


def test_more_than_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge, match="recipes"):
        PlanRequest.model_validate(request([recipe(f"r{n}") for n in range(2_001)]))


def test_suggestions_use_what_expires_and_list_what_is_missing() -> None:
    found = suggest(
        SuggestionRequest.model_validate(
            {
                "mode": "use_expiring",
                "inventory": [{**ingredient("spinach", 300), "days_until_expiry": 1}],
                "recipes": [
                    recipe("curry", ingredient("spinach", 200), ingredient("rice", 100)),
                    recipe("toast", ingredient("bread", 100)),
                ],
            }
        )
    )
    [one] = found
    assert (one.recipe_id, one.expiring_used, one.missing) == ("curry", ("Spinach",), ("Rice",))


def test_suggestions_cook_with_what_is_asked_for() -> None:
    wanted = {
        "mode": "cook_with",
        "ingredients": [{"name": "rice"}],
        "recipes": [
            recipe("bowl", ingredient("rice", 100)),
            recipe("toast", ingredient("bread", 1)),
        ],
    }
    found = suggest(SuggestionRequest.model_validate(wanted))
    assert [one.recipe_id for one in found] == ["bowl"]
    with pytest.raises(ValidationError, match="cook_with"):
        SuggestionRequest.model_validate({**wanted, "ingredients": []})


@pytest.mark.parametrize("nothing", [None, []])
def test_an_empty_kitchen_is_a_kitchen(nothing: object) -> None:
    data = {**request([recipe("a")]), "inventory": nothing}
    assert PlanRequest.model_validate(data).inventory == ()
