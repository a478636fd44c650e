"""Kitchen quantities as whole thousandths of a gram, a milliliter or a piece.

Sizes come from pint's registry (US customary measures). data/units.toml adds the spellings and
units that pint lacks, and the densities of ingredients.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from math import ceil, floor

import pint

MILLI = 1_000

_WORD = re.compile(r"[a-z]{1,24}")


@dataclass(frozen=True, slots=True)
class UnitMeasure:
    """The dimension of a unit (g, ml, piece or the counted noun) and its size in that dimension."""

    dimension: str
    size: Fraction


@dataclass(frozen=True, slots=True)
class _UnitTables:
    spellings: Mapping[str, str]
    sizes: Mapping[str, UnitMeasure]
    densities: tuple[tuple[frozenset[str], Fraction], ...]  # the words of a name, grams per ml


def measure(unit: str, ingredient: str) -> UnitMeasure:
    """Return the measure of `unit`, a mass if it is a volume and the ingredient's density is known.

    An unknown unit is a dimension of its own ("2 cans") and converts to no other.
    """
    parsed = _parse_unit(unit)
    if parsed.dimension == "ml" and (density := _density(ingredient)) is not None:
        return UnitMeasure("g", parsed.size * density)
    return parsed


def needed(quantity: float, unit: UnitMeasure) -> int:
    """Return the thousandths needed, at least 1; rounded down so that 3 x 1/3 never exceeds 1."""
    return max(1, floor(_exact(quantity) * unit.size * MILLI))


def stocked(quantity: float, unit: UnitMeasure) -> int:
    """Return the thousandths at home, rounded up for the same reason."""
    return ceil(_exact(quantity) * unit.size * MILLI)


def in_unit(thousandths: int, unit: UnitMeasure) -> float:
    """Convert thousandths back to `unit`, rounded to three decimals."""
    return round(float(Fraction(thousandths, MILLI) / unit.size), 3)


def _exact(quantity: float) -> Fraction:
    return Fraction(repr(quantity))


@cache
def _tables() -> _UnitTables:
    data = tomllib.loads((files("sidecar.planning") / "data" / "units.toml").read_text("utf-8"))
    return _UnitTables(
        spellings=data["spellings"],
        sizes={
            word: UnitMeasure(dimension, _exact(size))
            for dimension, sizes in data["sizes"].items()
            for word, size in sizes.items()
        },
        densities=tuple(
            (frozenset(name.split()), _exact(density))
            for name, density in data["densities"].items()
        ),
    )


@cache
def _registry() -> pint.UnitRegistry[float]:
    return pint.UnitRegistry()


def _pint_measure(word: str) -> UnitMeasure | None:
    registry = _registry()
    try:
        quantity = registry.Quantity(1.0, registry.parse_units(word))
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError):
        return None
    for dimension, base in (("g", "gram"), ("ml", "milliliter")):
        if quantity.check(registry.parse_units(base).dimensionality):
            return UnitMeasure(dimension, _exact(float(quantity.to(base).magnitude)))
    return None


@lru_cache(maxsize=4_096)  # bounded, because callers choose the units
def _parse_unit(unit: str) -> UnitMeasure:
    tables = _tables()
    spelling = " ".join(unit.replace(".", " ").split())
    folded = spelling.casefold()
    word = tables.spellings.get(spelling) or tables.spellings.get(folded) or folded
    singular = _singular(word)
    known = tables.sizes.get(word) or tables.sizes.get(singular)
    if known is None and _WORD.fullmatch(word.replace("_", "")):
        known = _pint_measure(word)
    return known or UnitMeasure(f"unit {singular}", Fraction(1))


def _singular(word: str) -> str:
    if word.endswith(("ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=16_384)
def _density(ingredient: str) -> Fraction | None:
    words = frozenset(re.findall(r"[a-z]+", ingredient.casefold()))
    return next((density for name, density in _tables().densities if words.issuperset(name)), None)
