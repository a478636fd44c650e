"""Amounts and units of plans and suggestions as people write them."""

import pytest
from pydantic import ValidationError

from sidecar.core.errors import TooLarge
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.solve import solve
from sidecar.planning.suggestions import suggest
from tests.unit.sidecar.planning.requests import ingredient, recipe, request


def shopping(recipes, inventory=()):
    raw = request(recipes, days=len(recipes), inventory=list(inventory))
    answer = solve(PlanRequest.model_validate(raw), clock=lambda: 0.0)
    return [(item.name, item.quantity, item.unit) for item in answer.shopping_list], answer.warnings


@pytest.mark.parametrize("third", ["1/3", "⅓", 1 / 3])
def test_three_thirds_are_one(third):
    recipes = [recipe(name, ingredient("onion", third, "")) for name in "abc"]
    assert shopping(recipes)[0] == [("Onion", 1.0, "")]
    assert shopping(recipes, [ingredient("onion", 1, "")])[0] == []


@pytest.mark.parametrize("half", ["½", "1/2", "0,5", "0.5", 0.5])
def test_a_half_is_read_however_it_is_written(half):
    assert shopping([recipe("a", ingredient("onion", half, ""))])[0] == [("Onion", 0.5, "")]


@pytest.mark.parametrize("quantity", [None, "", "to taste", "nach Geschmack", "q.b.", "un peu de"])
def test_an_ingredient_without_amount_is_met_by_any_stock_and_else_one_purchase(quantity):
    recipes = [recipe(name, ingredient("salt", quantity, "")) for name in "abc"]
    assert shopping(recipes)[0] == [("Salt", 1.0, "")]
    assert shopping(recipes, [ingredient("salt", 1, "g")]) == ([], ())


def test_an_ingredient_without_amount_adds_nothing_to_what_is_bought_anyway():
    recipes = [
        recipe("a", ingredient("oil", None, "")),
        recipe("b", ingredient("oil", 200, "ml")),
    ]
    assert shopping(recipes)[0] == [("Oil", 200.0, "ml")]


@pytest.mark.parametrize(
    ("needed", "unit", "stocked", "stock_unit"),
    [
        (2, "EL", 500, "ml"),
        (2, "Stück", 6, ""),
        (200, "gm", 1, "kg"),
        (1, "box", 2, "boxes"),
        (1, "Dose", 1, "can"),
    ],
)
def test_what_is_at_home_in_another_spelling_counts(needed, unit, stocked, stock_unit):
    recipes = [recipe("a", ingredient("food", needed, unit))]
    assert shopping(recipes, [ingredient("food", stocked, stock_unit)]) == ([], ())


@pytest.mark.parametrize(
    ("food", "needed", "unit", "stocked", "stock_unit"),
    [("spinach", 200, "g", 1, "bag"), ("cinnamon", 1, "stick", 50, "g"), ("tea", 1, "g", 1, "mug")],
)
def test_units_without_a_size_convert_to_no_other_and_that_is_said(
    food, needed, unit, stocked, stock_unit
):
    recipes = [recipe("a", ingredient(food, needed, unit))]
    bought, warnings = shopping(recipes, [ingredient(food, stocked, stock_unit)])
    assert bought == [(food.title(), float(needed), unit)]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("wish", "name"), [("creme fraiche", "Crème fraîche"), ("tomato", "Cherry Tomatoes")]
)
def test_suggestions_find_a_food_without_accents_and_in_the_singular(wish, name):
    needs = {"ingredient_id": "x1", "name": name, "quantity": 2, "unit": ""}
    raw = {"mode": "cook_with", "ingredients": [wish], "recipes": [recipe("r", needs)]}
    found = suggest(SuggestionRequest.model_validate(raw))
    assert [suggestion.recipe_id for suggestion in found] == ["r"]


def test_recipes_take_ingredient_lines_and_use_what_is_at_home_under_its_name():
    recipes = [
        recipe("salad") | {"ingredients": ["2 EL Olivenöl", "3 Tomaten", "Salz nach Geschmack"]},
        recipe("stew") | {"ingredients": ["2 Dosen (à 400 g) Bohnen", "2 Tomaten"]},
    ]
    oil = ingredient("oil-7", 500, "ml") | {"name": "Olivenöl"}
    beans = ingredient("beans-3", 1, "kg") | {"name": "Bohnen"}
    bought, warnings = shopping(recipes, [oil, beans])
    assert bought == [("Salz", 1.0, ""), ("Tomaten", 5.0, "")]
    assert warnings == ()


@pytest.mark.parametrize(
    ("line", "word"), [("", "names no food"), ("2 EL", "names no food"), ("x" * 501, "500 char")]
)
def test_a_line_without_a_food_is_refused(line, word):
    raw = request([recipe("a") | {"ingredients": [line]}])
    with pytest.raises(ValidationError, match=word):
        PlanRequest.model_validate(raw)


def test_more_lines_than_can_be_parsed_at_once_are_too_large():
    raw = request([recipe("a") | {"ingredients": ["1 egg"] * 2_001}])
    with pytest.raises(TooLarge, match="2000"):
        PlanRequest.model_validate(raw)
