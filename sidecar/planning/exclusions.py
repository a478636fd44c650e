"""Recipes that contain what a request excludes, and what is to be said about them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.core.errors import TooLarge
from sidecar.planning.allergens import Match, group_name, match_ingredient
from sidecar.planning.problem import Barred
from sidecar.planning.schemas import Recipe
from sidecar.text.words import same_words

#: A comparison of an excluded ingredient with a food takes some 5 µs, 50 with an allergen group.
MAX_COMPARISONS: Final = 250_000


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What a recipe has of the excluded ingredients."""

    barred: tuple[Barred, ...] = ()  # why it can't be cooked, once for each wish
    omitted: tuple[Barred, ...] = ()  # optional ingredients, to be left out of it


def exclusions(wishes: Sequence[str], recipes: Sequence[Recipe]) -> tuple[Exclusions, ...]:
    """Return the excluded ingredients of each recipe.

    A recipe whose own name matches is barred as unsure: its ingredients may be incomplete.

    Raises:
        TooLarge: over `MAX_COMPARISONS` of a wish with a food.
    """
    if not wishes:
        return (Exclusions(),) * len(recipes)
    names = {i.ingredient_id: i.name for recipe in recipes for i in recipe.ingredients}
    foods = {(i.ingredient_id, i.name) for recipe in recipes for i in recipe.ingredients}
    if len(wishes) * len(foods) > MAX_COMPARISONS:
        raise TooLarge(
            f"{len(wishes)} excluded ingredients are looked for in {len(foods)} foods; the limit "
            f"of their product is {MAX_COMPARISONS}"
        )
    barred: list[list[Barred]] = [[] for _ in recipes]
    omitted: list[list[Barred]] = [[] for _ in recipes]
    for number, wish in enumerate(wishes):
        by_id = wish in names and group_name(wish) is None and not same_words(wish, names[wish])
        matches: dict[tuple[str, str], Match] = {}
        for food in foods:
            match = Match(sure=True) if wish == food[0] else None
            if not by_id:
                match = match_ingredient(wish, *food)
            if match is not None:
                matches[food] = match
        for position, recipe in enumerate(recipes):
            found = _excluded(number, recipe, matches, optional=False)
            if not found and not by_id and match_ingredient(wish, "", recipe.name):
                found = [Barred(number, recipe.name, sure=False)]
            if found:
                barred[position].append(max(found, key=lambda reason: reason.sure))
            omitted[position] += _excluded(number, recipe, matches, optional=True)
    return tuple(
        Exclusions(tuple(found), tuple(optional))
        for found, optional in zip(barred, omitted, strict=True)
    )


def exclusion_warnings(wishes: Sequence[str], found: Iterable[Exclusions]) -> Iterator[str]:
    """Yield what is unsure about the excluded ingredients, and what no recipe contains."""
    reasons = list(
        dict.fromkeys(reason for entry in found for reason in (*entry.barred, *entry.omitted))
    )
    for reason in reasons:
        if not reason.sure:
            yield (
                f"{reason.ingredient} may contain {wishes[reason.wish]}; "
                "recipes with it are left out"
            )
    matched = {reason.wish for reason in reasons}
    for number, wish in enumerate(wishes):
        if number not in matched:
            yield f"no recipe contains {wish}, which is excluded"


def _excluded(
    number: int, recipe: Recipe, matches: Mapping[tuple[str, str], Match], *, optional: bool
) -> list[Barred]:
    return [
        Barred(number, ingredient.name, match.sure)
        for ingredient in recipe.ingredients
        if ingredient.optional == optional
        and (match := matches.get((ingredient.ingredient_id, ingredient.name))) is not None
    ]
