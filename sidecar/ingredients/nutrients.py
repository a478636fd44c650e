"""Nutrients of foods by their names in eight languages, from USDA FoodData Central.

nutrition_table.py makes the values. A name that the table lacks is known by its sub-category in 24
languages (sidecar/text), where the foods of that are all much the same.
"""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from sidecar.ingredients.units import measure
from sidecar.text.lexicon import lexicon
from sidecar.text.words import singulars

NUTRIENTS: Final = (
    *("kcal", "protein", "fat", "saturated_fat", "carbohydrate", "sugar", "fibre", "salt"),
)
_HUNDRED_GRAMS: Final = 100
_SURE: Final = 0.5  # the least share of a name's meanings in one sub-category


@dataclass(frozen=True, slots=True)
class Food:
    """A food: its entry in FoodData Central, grams of a piece, and names as folded words."""

    usda: str
    piece: Fraction | None
    names: tuple[frozenset[str], ...]
    subcategory: str | None


def nutrients_of(name: str, quantity: float, unit: str) -> Mapping[str, Fraction] | None:
    """Return the kcal and grams in an amount of a food, None if the food or its weight is unknown.

    A nutrient that the table lacks is left out.
    """
    food = find_food(name)
    weight = None if food is None else _grams(food, name, unit)
    if food is None or weight is None:
        return None
    share = Fraction(repr(quantity)) * weight / _HUNDRED_GRAMS
    return {nutrient: value * share for nutrient, value in _table()[food.usda].items()}


@lru_cache(maxsize=16_384)
def find_food(name: str) -> Food | None:
    """Return the food of an ingredient's name, None if it is unknown."""
    present = frozenset(singulars(name))
    best: tuple[int, Food] | None = None
    for word in present:
        for words, food in _foods_by_word().get(word, ()):
            if words <= present and (best is None or len(words) > best[0]):
                best = (len(words), food)
    if best is not None:
        words = max((n for n in best[1].names if n <= present), key=len)
        return None if (present - words) & _prepared() else best[1]
    meanings = lexicon().product(name)
    subcategory = max(meanings, key=lambda meaning: meanings[meaning], default="")
    if meanings.get(subcategory, 0) <= _SURE:
        return None
    return next((food for food in foods() if food.subcategory == subcategory), None)


def _grams(food: Food, name: str, unit: str) -> Fraction | None:
    """Return the grams of one unit of a food. A clove is a piece of garlic."""
    found = measure(unit, name)
    if found.dimension == "g":
        return found.size
    if found.dimension in ("piece", "unit clove", "unit stalk") and food.piece is not None:
        return food.piece * (found.size if found.dimension == "piece" else 1)
    # A liquid without a known density is mostly water.
    return found.size if found.dimension == "ml" else None


@cache
def foods() -> tuple[Food, ...]:
    """Return the foods of nutrition_foods.toml."""
    return tuple(
        Food(
            usda=entry["usda"],
            piece=Fraction(entry["piece"]) if "piece" in entry else None,
            names=tuple(frozenset(singulars(name)) for name in entry["names"]),
            subcategory=entry.get("subcategory"),
        )
        for entry in _data()["foods"]
    )


@cache
def _foods_by_word() -> Mapping[str, tuple[tuple[frozenset[str], Food], ...]]:
    """Return the names by their first word in the order of letters."""
    found: dict[str, list[tuple[frozenset[str], Food]]] = {}
    for food in foods():
        for words in food.names:
            found.setdefault(min(words), []).append((words, food))
    return {word: tuple(entries) for word, entries in found.items()}


@cache
def _prepared() -> frozenset[str]:
    return frozenset(word for text in _data()["prepared"] for word in singulars(text))


@cache
def _table() -> Mapping[str, Mapping[str, Fraction]]:
    text = (files("sidecar.ingredients") / "data" / "nutrition.csv").read_text("utf-8")
    return {
        row["usda"]: {n: Fraction(row[n]) for n in NUTRIENTS if row[n]}
        for row in csv.DictReader(text.splitlines())
    }


@cache
def _data() -> dict[str, Any]:
    data = (files("sidecar.ingredients") / "data" / "nutrition_foods.toml").read_text("utf-8")
    return tomllib.loads(data)
