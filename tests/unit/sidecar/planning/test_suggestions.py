from sidecar.planning.schemas import SuggestionRequest
from sidecar.planning.suggestions import suggest


def part(food, quantity=1, **fields):
    return {"ingredient_id": food, "name": food, "quantity": quantity, "unit": "kg", **fields}


def recipe(name, *parts, **fields):
    return {"id": name, "name": name, "ingredients": list(parts), **fields}


def names(mode, recipes, inventory=(), **fields):
    return [each.recipe_id for each in ask(mode, recipes, inventory, **fields)]


def ask(mode, recipes, inventory=(), **fields):
    data = {"mode": mode, "recipes": recipes, "inventory": list(inventory), **fields}
    return suggest(SuggestionRequest.model_validate(data))


def test_what_expires_soonest_is_cooked_first_and_nothing_else_is_suggested():
    recipes = [recipe(food, part(food)) for food in ("rice", "spinach", "milk", "old fish")]
    stock = [
        part("rice"),
        part("spinach", days_until_expiry=1),
        part("milk", days_until_expiry=4),
        part("old fish", days_until_expiry=-1),
    ]
    assert names("use_expiring", recipes, stock) == ["spinach", "milk"]


def test_missing_ingredients_cost_and_are_listed_but_optional_ones_are_not():
    recipes = [
        recipe("needy", part("spinach"), part("cream"), part("nuts")),
        recipe("simple", part("spinach"), part("truffle", optional=True)),
    ]
    found = ask("use_expiring", recipes, [part("spinach", days_until_expiry=0)])
    assert [each.recipe_id for each in found] == ["simple", "needy"]
    assert found[0].missing == ()
    assert found[1].missing == ("cream", "nuts")
    assert all(each.score >= 0 for each in found)
    assert found[0].expiring_used == ("spinach",)


def test_using_more_of_what_expires_is_worth_more():
    recipes = [recipe("little", part("spinach", 0.2)), recipe("much", part("spinach", 0.9))]
    assert names("use_expiring", recipes, [part("spinach", days_until_expiry=0)]) == [
        "much",
        "little",
    ]


def test_cook_with_finds_ingredients_by_id_or_by_name():
    recipes = [recipe("a", part("chicken breasts")), recipe("b", part("tofu"))]
    assert names("cook_with", recipes, ingredients=["chicken breast"]) == ["a"]
    assert names("cook_with", recipes, ingredients=[{"ingredient_id": "tofu"}]) == ["b"]


def test_recipes_that_use_more_of_the_wanted_ingredients_come_first():
    recipes = [recipe("one", part("egg")), recipe("both", part("egg"), part("leek"))]
    found = ask("cook_with", recipes, ingredients=["egg", "leek"], limit=1)
    assert [each.recipe_id for each in found] == ["both"]
    assert found[0].missing == ()
