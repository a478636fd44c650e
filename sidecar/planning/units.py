"""Kitchen quantities as whole thousandths of a gram, a millilitre or a piece.

Sizes come from pint's registry (US customary measures); densities are the usual kitchen ones, as
weight charts of baking print them, to two digits.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil, floor

import pint

MILLI = 1_000

# Words cooks use that pint doesn't know, or reads otherwise (to it "T" is tesla, "pinch" picoinch).
_SPELLINGS = {
    "T": "tablespoon",
    "tbs": "tablespoon",
    "tbsps": "tablespoon",
    "tblsp": "tablespoon",
    "tsps": "teaspoon",
    "t": "teaspoon",
    "c": "cup",
    "fl oz": "fluid_ounce",
    "floz": "fluid_ounce",
    "fluid ounce": "fluid_ounce",
    "fluid ounces": "fluid_ounce",
    "gr": "gram",
    "grs": "gram",
    "gms": "gram",
    "kgs": "kilogram",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "ozs": "ounce",
    "ltr": "liter",
    "ltrs": "liter",
    "mls": "milliliter",
}
_MILLILITRES = {
    "pinch": Fraction(3, 10),
    "dash": Fraction(6, 10),
    "drop": Fraction(1, 20),
    "splash": Fraction(5),
}
_GRAMS = {"stick": Fraction(113)}
_PIECES = {
    **dict.fromkeys(("", "piece", "pc", "each", "ea", "whole", "unit", "count", "ct", "item"), 1),
    "dozen": 12,
    "pair": 2,
}
# Grams a millilitre, by the words of a name; the first entry whose words all occur decides.
_DENSITIES = (
    ("coconut milk", 0.97),
    ("peanut butter", 1.09),
    ("powdered sugar", 0.51),
    ("brown sugar", 0.93),
    ("baking powder", 0.9),
    ("baking soda", 0.95),
    ("cocoa powder", 0.42),
    ("milk powder", 0.5),
    ("sour cream", 0.97),
    ("cream cheese", 0.98),
    ("maple syrup", 1.32),
    ("soy sauce", 1.17),
    ("tomato paste", 1.1),
    ("rice vinegar", 1.01),
    ("rice flour", 0.66),
    ("flour", 0.53),
    ("sugar", 0.85),
    ("salt", 1.22),
    ("butter", 0.96),
    ("buttermilk", 1.03),
    ("milk", 1.03),
    ("yogurt", 1.03),
    ("yoghurt", 1.03),
    ("cream", 1.0),
    ("oil", 0.92),
    ("honey", 1.42),
    ("vinegar", 1.01),
    ("water", 1.0),
    ("broth", 1.0),
    ("stock", 1.0),
    ("wine", 0.99),
    ("juice", 1.04),
    ("rice", 0.85),
    ("oats", 0.41),
    ("quinoa", 0.72),
    ("lentils", 0.85),
    ("cornstarch", 0.54),
    ("mayonnaise", 0.93),
    ("ketchup", 1.14),
)
_WORD = re.compile(r"[a-z]{1,24}")


@dataclass(frozen=True, slots=True)
class UnitMeasure:
    """What a unit measures (g, ml, piece or the noun counted) and its size in that."""

    dimension: str
    size: Fraction


def measure(unit: str, ingredient: str) -> UnitMeasure:
    """The measure of `unit` for an ingredient by this name; a volume becomes a mass if it can.

    An unknown unit counts itself ("2 cans"): it converts to no other.
    """
    found = _measure(unit)
    if found.dimension == "ml" and (density := _density(ingredient)) is not None:
        return UnitMeasure("g", found.size * density)
    return found


def needed(quantity: float, by: UnitMeasure) -> int:
    """Thousandths needed, rounded down so that three thirds never exceed a whole; at least 1."""
    return max(1, floor(_exact(quantity) * by.size * MILLI))


def stocked(quantity: float, by: UnitMeasure) -> int:
    """Thousandths at home, rounded up for the same reason."""
    return ceil(_exact(quantity) * by.size * MILLI)


def in_unit(thousandths: int, by: UnitMeasure) -> float:
    """Thousandths back in the unit they were given in, to three decimals."""
    return round(float(Fraction(thousandths, MILLI) / by.size), 3)


def _exact(quantity: float) -> Fraction:
    return Fraction(repr(quantity))


@cache
def _registry() -> pint.UnitRegistry[float]:
    return pint.UnitRegistry()


def _pint_size(word: str) -> tuple[str, Fraction] | None:
    registry = _registry()
    try:
        quantity = registry.Quantity(1.0, registry.parse_units(word))
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError):
        return None
    for dimension, base in (("g", "gram"), ("ml", "milliliter")):
        if quantity.check(registry.parse_units(base).dimensionality):
            return dimension, Fraction(repr(float(quantity.to(base).magnitude)))
    return None


@lru_cache(maxsize=4_096)  # units are the caller's words
def _measure(unit: str) -> UnitMeasure:
    written = " ".join(unit.replace(".", " ").split())
    folded = written.casefold()
    word = _SPELLINGS.get(written) or _SPELLINGS.get(folded) or folded
    for candidate in dict.fromkeys((word, _singular(word))):
        if candidate in _PIECES:
            return UnitMeasure("piece", Fraction(_PIECES[candidate]))
        if candidate in _MILLILITRES:
            return UnitMeasure("ml", _MILLILITRES[candidate])
        if candidate in _GRAMS:
            return UnitMeasure("g", _GRAMS[candidate])
    if _WORD.fullmatch(word.replace("_", "")) and (found := _pint_size(word)) is not None:
        return UnitMeasure(*found)
    return UnitMeasure(f"unit {_singular(word)}", Fraction(1))


def _singular(word: str) -> str:
    if word.endswith(("ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=16_384)
def _density(ingredient: str) -> Fraction | None:
    words = frozenset(re.findall(r"[a-z]+", ingredient.casefold()))
    for name, grams in _DENSITIES:
        if words.issuperset(name.split()):
            return Fraction(repr(grams))
    return None
