import time

import pytest

from sidecar.core.errors import TooLarge
from sidecar.planning.exclusions import MAX_COMPARISONS
from sidecar.planning.schemas import SuggestionRequest
from sidecar.planning.suggestions import suggest


def ingredient(food, quantity=1, **fields):
    return {"ingredient_id": food, "name": food, "quantity": quantity, "unit": "kg", **fields}


def recipe(name, *ingredients, **fields):
    return {"id": name, "name": name, "ingredients": list(ingredients), **fields}


def names(mode, recipes, inventory=(), **fields):
    return [suggestion.recipe_id for suggestion in run(mode, recipes, inventory, **fields)]


def run(mode, recipes, inventory=(), **fields):
    data = {"mode": mode, "recipes": recipes, "inventory": list(inventory), **fields}
    return suggest(SuggestionRequest.model_validate(data))


def test_use_expiring_suggests_only_recipes_with_expiring_food_soonest_expiry_first():
    recipes = [recipe(food, ingredient(food)) for food in ("rice", "spinach", "milk", "old fish")]
    stock = [
        ingredient("rice"),
        ingredient("spinach", days_until_expiry=1),
        ingredient("milk", days_until_expiry=4),
        ingredient("old fish", days_until_expiry=-1),
    ]
    assert names("use_expiring", recipes, stock) == ["spinach", "milk"]


def test_missing_ingredients_lower_the_score_and_are_listed_unless_optional():
    recipes = [
        recipe("needy", ingredient("spinach"), ingredient("cream"), ingredient("nuts")),
        recipe("simple", ingredient("spinach"), ingredient("truffle", optional=True)),
    ]
    suggestions = run("use_expiring", recipes, [ingredient("spinach", days_until_expiry=0)])
    assert [suggestion.recipe_id for suggestion in suggestions] == ["simple", "needy"]
    assert suggestions[0].missing == ()
    assert suggestions[1].missing == ("cream", "nuts")
    assert all(suggestion.score >= 0 for suggestion in suggestions)
    assert suggestions[0].expiring_used == ("spinach",)


def test_using_more_of_an_expiring_ingredient_scores_higher():
    recipes = [
        recipe("little", ingredient("spinach", 0.2)),
        recipe("much", ingredient("spinach", 0.9)),
    ]
    assert names("use_expiring", recipes, [ingredient("spinach", days_until_expiry=0)]) == [
        "much",
        "little",
    ]


def test_cook_with_matches_ingredients_by_id_or_name():
    recipes = [recipe("a", ingredient("chicken breasts")), recipe("b", ingredient("tofu"))]
    assert names("cook_with", recipes, ingredients=["chicken breast"]) == ["a"]
    assert names("cook_with", recipes, ingredients=[{"ingredient_id": "tofu"}]) == ["b"]


def test_recipes_with_more_of_the_requested_ingredients_come_first():
    recipes = [
        recipe("one", ingredient("egg")),
        recipe("both", ingredient("egg"), ingredient("leek")),
    ]
    suggestions = run("cook_with", recipes, ingredients=["egg", "leek"], limit=1)
    assert [suggestion.recipe_id for suggestion in suggestions] == ["both"]
    assert suggestions[0].missing == ()


def test_excluded_ingredients_are_neither_suggested_nor_used_where_they_are_optional():
    recipes = [
        recipe("satay", ingredient("spinach"), ingredient("peanuts")),
        recipe("salad", ingredient("spinach"), ingredient("walnuts", optional=True)),
    ]
    stock = [ingredient("spinach", days_until_expiry=0), ingredient("walnuts", days_until_expiry=0)]
    (suggestion,) = run("use_expiring", recipes, stock, excluded_ingredients=["nuts"])
    assert suggestion.recipe_id == "salad"
    assert suggestion.expiring_used == ("spinach",)


def test_more_comparisons_than_take_seconds_are_refused():
    recipes = [
        recipe(f"r{n}", *(ingredient(f"food {n} {food}") for food in range(100))) for n in range(30)
    ]
    wishes = [f"wish {n}" for n in range(MAX_COMPARISONS // 3_000 + 1)]
    assert run("use_expiring", recipes, excluded_ingredients=wishes[:2]) == []
    with pytest.raises(TooLarge, match="excluded ingredients"):
        run("use_expiring", recipes, excluded_ingredients=wishes)


def test_a_food_costs_the_same_however_many_are_known():
    # Each of 5 000 foods was compared with 300 names of foods whose density is known: 2 s.
    recipes = [
        recipe(
            f"r{n}",
            *(ingredient(f"food {n} {food} of four words", unit="cup") for food in range(100)),
        )
        for n in range(50)
    ]
    request = SuggestionRequest.model_validate({"mode": "use_expiring", "recipes": recipes})
    started = time.thread_time()
    suggest(request)
    assert time.thread_time() - started < 1
