"""Substitutes: versions of a recipe with other ingredients, each a dish of its own.

They share the recipe's repeats. A version costs the penalties of its substitutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from sidecar.planning.household_schemas import Substitute
from sidecar.planning.problem import Substitution
from sidecar.planning.schemas import Ingredient, PlanRequest, Recipe

_MAX_VERSIONS = 16  # of a recipe, those with the fewest substitutes first


@dataclass(frozen=True, slots=True)
class Version:
    """A recipe with substitutes; `origin` is the index of the request's recipe."""

    recipe: Recipe
    origin: int
    substitutions: tuple[Substitution, ...]
    penalty: int  # points


def versions(request: PlanRequest) -> tuple[tuple[Version, ...], tuple[str, ...]]:
    """Return the versions of the recipes that use substitutes, and what was cut off."""
    names = _names(request)
    found: list[Version] = []
    warnings: list[str] = []
    for origin, recipe in enumerate(request.recipes if request.substitutes else ()):
        options = [
            [None, *_substitutes(request.substitutes, recipe, ingredient)]
            for ingredient in recipe.ingredients
        ]
        count = 1
        for choices in options:
            count *= len(choices)
        if count == 1:
            continue
        if count <= _MAX_VERSIONS:
            picks = list(product(*options))
        else:  # one substitute at a time
            warnings.append(f"{recipe.name} is planned with one substitute at a time")
            picks = [
                tuple(choice if n == number else None for n in range(len(options)))
                for number, choices in enumerate(options)
                for choice in choices
            ]
        found += [_version(recipe, origin, pick, names) for pick in picks if any(pick)]
    return tuple(found), tuple(warnings)


def _version(
    recipe: Recipe, origin: int, pick: Sequence[Substitute | None], names: dict[str, str]
) -> Version:
    pairs = list(zip(recipe.ingredients, pick, strict=True))
    return Version(
        recipe=recipe.model_copy(
            update={"ingredients": tuple(_replaced(i, entry, names) for i, entry in pairs)}
        ),
        origin=origin,
        substitutions=tuple(
            Substitution(i.ingredient_id, i.name, entry.ingredient_id, _name(entry, names))
            for i, entry in pairs
            if entry is not None
        ),
        penalty=sum(round(1_000 * entry.penalty) for entry in pick if entry is not None),
    )


def _replaced(
    ingredient: Ingredient, entry: Substitute | None, names: dict[str, str]
) -> Ingredient:
    if entry is None:
        return ingredient
    return Ingredient.model_construct(
        ingredient_id=entry.ingredient_id,
        name=_name(entry, names),
        quantity=None if ingredient.quantity is None else ingredient.quantity * entry.ratio,
        unit=ingredient.unit if entry.unit is None else entry.unit,
        optional=False,
        price=entry.price,
        price_quantity=entry.price_quantity,
        package_quantity=None,
    )


def _substitutes(
    substitutes: Sequence[Substitute], recipe: Recipe, ingredient: Ingredient
) -> Iterator[Substitute]:
    for entry in substitutes:
        if (
            entry.instead_of == ingredient.ingredient_id
            and entry.recipe_id in (None, recipe.id)
            and not ingredient.optional
        ):
            yield entry


def _name(entry: Substitute, names: dict[str, str]) -> str:
    return entry.name or names.get(entry.ingredient_id, entry.ingredient_id)


def _names(request: PlanRequest) -> dict[str, str]:
    names = {lot.ingredient_id: lot.name for lot in request.inventory}
    for recipe in request.recipes:
        for ingredient in recipe.ingredients:
            names.setdefault(ingredient.ingredient_id, ingredient.name)
    return names
