"""Replaces ingredient lines ("2 EL Öl") in the recipes of a request by ingredients."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sidecar.core.errors import TooLarge
from sidecar.ingredients.lines import MAX_LENGTH, IngredientLine, parse_lines
from sidecar.ingredients.units import measure
from sidecar.text.words import singulars

#: Lines of a request that are parsed, and their characters; more would take more than a second.
MAX_LINES: Final = 2_000
MAX_CHARACTERS: Final = 100_000
_MAX_ID: Final = 200


def without_lines(request: object) -> object:
    """Return the request with every text among a recipe's ingredients as an ingredient.

    A line's food is the one of the inventory, or of another ingredient, with the same words. Where
    the line has no amount, the quantity is null.

    Raises:
        TooLarge: over `MAX_LINES` lines or `MAX_CHARACTERS` in them.
        ValueError: for a line that names no food.
    """
    if not isinstance(request, Mapping):
        return request
    recipes = request.get("recipes")
    if not isinstance(recipes, list):
        return request
    lengths = [
        len(entry) for recipe in recipes for entry in _ingredients(recipe) if isinstance(entry, str)
    ]
    if not lengths:
        return request
    if len(lengths) > MAX_LINES:
        raise TooLarge(
            f"The recipes have {len(lengths)} ingredient lines; the limit is {MAX_LINES}."
        )
    if sum(lengths) > MAX_CHARACTERS:
        raise TooLarge(
            f"The ingredient lines have {sum(lengths)} characters; the limit is {MAX_CHARACTERS}."
        )
    ids = _ids(request)
    return {**request, "recipes": [_parsed(recipe, ids) for recipe in recipes]}


def _parsed(recipe: Any, ids: dict[frozenset[str], str]) -> Any:
    entries = list(_ingredients(recipe))
    lines = [entry for entry in entries if isinstance(entry, str)]
    if not lines:
        return recipe
    parsed = iter(parse_lines(lines))
    ingredients = []
    for entry in entries:
        if not isinstance(entry, str):
            ingredients.append(entry)
            continue
        line = next(parsed)
        if len(entry) > MAX_LENGTH:
            raise ValueError(f"an ingredient line has more than {MAX_LENGTH} characters")
        if not line.name:
            raise ValueError(f"an ingredient line names no food: {entry[:60]}")
        key = frozenset(singulars(line.name))
        ingredients.append(
            {
                "ingredient_id": ids.setdefault(key, " ".join(sorted(key))[:_MAX_ID]),
                "name": line.name,
                "quantity": None if line.quantity is None else float(line.quantity),
                "unit": _unit(line),
                "optional": line.optional,
            }
        )
        if line.size is not None and line.quantity is not None:
            # The package's size converts where its count doesn't.
            ingredients[-1]["quantity"] = float(line.quantity * line.size.quantity)
            ingredients[-1]["unit"] = line.size.unit
    return {**recipe, "ingredients": ingredients}


def _unit(line: IngredientLine) -> str:
    """Return the unit as the line has it, or its name where that means another unit elsewhere."""
    if line.unit is not None and measure(line.unit_text, "") != measure(line.unit, ""):
        return line.unit
    return line.unit_text


def _ids(request: Mapping[Any, Any]) -> dict[frozenset[str], str]:
    """Return the ids of the foods that the request names, by their words."""
    ids: dict[frozenset[str], str] = {}
    for food in _foods(request):
        name, ingredient_id = food.get("name"), food.get("ingredient_id")
        if isinstance(name, str) and isinstance(ingredient_id, str):
            ids.setdefault(frozenset(singulars(name)), ingredient_id)
    return ids


def _foods(request: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    inventory = request.get("inventory")
    if isinstance(inventory, list):
        yield from (lot for lot in inventory if isinstance(lot, Mapping))
    for recipe in request["recipes"]:
        yield from (entry for entry in _ingredients(recipe) if isinstance(entry, Mapping))


def _ingredients(recipe: Any) -> list[Any]:
    found = recipe.get("ingredients") if isinstance(recipe, Mapping) else None
    return found if isinstance(found, list) else []
