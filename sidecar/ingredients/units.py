"""Kitchen quantities as whole parts of a gram, a milliliter or a piece.

data/units.toml holds the closed list of units with their spellings in eight languages,
data/elsewhere.toml those in more, and data/foods.toml the densities of foods.
Any other unit counts pieces of its own kind.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import ceil, floor
from typing import Any, Final

from sidecar.text.folding import fold
from sidecar.text.words import singular, singulars

#: Parts of a gram, a milliliter and a piece: thirds, sixteenths and thousandths are whole.
PARTS: Final = 6_000

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")

_MAX_DENOMINATOR: Final = 1_000
_SHORTEST_WORD: Final = 3


@dataclass(frozen=True, slots=True)
class UnitMeasure:
    """The dimension of a unit (g, ml, piece or the counted noun) and its size in that dimension."""

    dimension: str
    size: Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the closed list. An approximate one needs no number ("pinch of salt")."""

    name: str
    measure: UnitMeasure
    container: bool = False
    approximate: bool = False

    @property
    def is_counted(self) -> bool:
        """Return whether it counts things, and is no weight or volume."""
        return self.measure.dimension not in ("g", "ml")


@dataclass(frozen=True, slots=True)
class Units:
    """The closed list, by name and by spelling."""

    by_name: Mapping[str, Unit]
    symbols: Mapping[str, Unit]  # with their case
    spellings: Mapping[str, Unit]  # folded, of any language
    by_language: Mapping[str, Mapping[str, Unit]]
    plurals: Mapping[str, frozenset[str]]  # by language
    elsewhere: Mapping[str, Mapping[str, Unit]]  # by other languages, and by "" for all of them

    def find(self, spelling: str, language: str | None = None) -> Unit | None:
        """Return the unit of a spelling without periods, None if it is none.

        Spellings of data/elsewhere.toml hold in their own languages, and where none is given.
        """
        own = self.elsewhere.get(language or "", {})
        if language and (unit := own.get(spelling.casefold()) or own.get(fold(spelling))):
            return unit
        if (unit := self.symbols.get(spelling)) is not None:
            return unit
        folded = fold(spelling)
        known = self.by_language.get(language or "", {}).get(folded) or self.spellings.get(folded)
        return known or (None if language else own.get(folded))


def measure(unit: str, ingredient: str) -> UnitMeasure:
    """Return the measure of `unit`, a mass if it is a volume and the ingredient's density is known.

    An unknown unit is a dimension of its own ("2 mugs") and converts to no other.
    """
    parsed = _parse_unit(unit)
    if parsed.dimension == "ml" and (known := density(ingredient)) is not None:
        return UnitMeasure("g", parsed.size * known)
    if (weight := _weight(parsed.dimension, ingredient)) is not None:
        return UnitMeasure("g", weight)
    return parsed


def needed(quantity: float, unit: UnitMeasure) -> int:
    """Return the parts needed, at least 1; rounded down so that 7 x 1/7 never exceeds 1."""
    return max(1, floor(exact(quantity) * unit.size * PARTS))


def stocked(quantity: float, unit: UnitMeasure) -> int:
    """Return the parts at home, rounded up for the same reason."""
    return ceil(exact(quantity) * unit.size * PARTS)


def in_unit(parts: int, unit: UnitMeasure) -> float:
    """Convert parts back to `unit`, rounded to three decimals; what is there is at least 0.001."""
    rounded = round(float(Fraction(parts, PARTS) / unit.size), 3)
    return rounded or (0.001 if parts else 0.0)


def exact(quantity: float) -> Fraction:
    """Return the fraction that a float stands for: 1/3 for 0.3333333333333333, else its decimals.

    The denominator is at most 1000 where such a fraction is the same float.
    """
    simple = Fraction(quantity).limit_denominator(_MAX_DENOMINATOR)
    return simple if float(simple) == quantity else Fraction(repr(float(quantity)))


@lru_cache(maxsize=16_384)
def density(ingredient: str) -> Fraction | None:
    """Return the grams per milliliter of a food, None if they are unknown."""
    return _densities().find(singulars(ingredient))


@cache
def kitchen_units() -> Units:
    """Return the closed list of units."""
    by_name: dict[str, Unit] = {}
    symbols: dict[str, Unit] = {}
    by_language: dict[str, dict[str, Unit]] = {language: {} for language in LANGUAGES}
    folded_symbols: dict[str, Unit] = {}
    for name, entry in _load("units.toml").items():
        unit = Unit(
            name,
            _measure_of(name, entry),
            container=entry.get("container", False),
            approximate=entry.get("approximate", False),
        )
        by_name[name] = unit
        for symbol in entry.get("symbols", ()):
            symbols[symbol] = unit
            folded_symbols.setdefault(fold(symbol), unit)
        folded_symbols.setdefault(name, unit)
        for language in LANGUAGES:
            by_language[language].update(dict.fromkeys(entry.get(language, ()), unit))
    plurals = {language: _plurals(by_language[language]) for language in LANGUAGES}
    spellings = dict(folded_symbols)
    for language in LANGUAGES:
        for spelling, unit in by_language[language].items():
            spellings.setdefault(spelling, unit)
    elsewhere = {
        language: _spelled(entry, by_name, symbols) for language, entry in words_elsewhere().items()
    }
    elsewhere[""] = _agreed(elsewhere.values())
    return Units(by_name, symbols, spellings, by_language, plurals, elsewhere)


def _spelled(
    entry: Mapping[str, str], by_name: Mapping[str, Unit], symbols: Mapping[str, Unit]
) -> dict[str, Unit]:
    """Return the units of another language by their spellings, with accents and without."""
    found: dict[str, Unit] = {}
    for name in entry.keys() & by_name.keys():
        for spelling in entry[name].split(" | "):
            found[spelling.casefold()] = by_name[name]
            if fold(spelling) not in symbols:  # a Czech ČL is a spoon, and no centiliter
                found.setdefault(fold(spelling), by_name[name])
    return found


def _agreed(languages: Iterable[Mapping[str, Unit]]) -> dict[str, Unit]:
    """Return the spellings that are words, not two letters, and one unit in all languages."""
    units: dict[str, set[Unit]] = {}
    for spellings in languages:
        for spelling, unit in spellings.items():
            units.setdefault(spelling, set()).add(unit)
    return {
        spelling: next(iter(found))
        for spelling, found in units.items()
        if len(found) == 1 and (len(spelling) >= _SHORTEST_WORD or not spelling.isascii())
    }


@cache
def words_elsewhere() -> Mapping[str, Mapping[str, str]]:
    """Return data/elsewhere.toml: by language, spellings of units and other words."""
    return _load("elsewhere.toml")


def _plurals(spellings: Mapping[str, Unit]) -> frozenset[str]:
    """Return the spellings that differ from the one before, of the same unit, by their ending."""
    return frozenset(
        second
        for first, second in pairwise(spellings)
        if spellings[first] is spellings[second]
        and second.startswith(first[:-1])
        and len(second) <= len(first) + 2
    )


def _measure_of(name: str, entry: Mapping[str, Any]) -> UnitMeasure:
    for dimension in ("g", "ml", "piece"):
        if dimension in entry:
            return UnitMeasure(dimension, Fraction(entry[dimension]))
    return UnitMeasure(f"unit {name}", Fraction(1))


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("sidecar.ingredients") / "data" / name).read_text("utf-8"))


@lru_cache(maxsize=4_096)  # bounded, because callers choose the units
def _parse_unit(unit: str) -> UnitMeasure:
    spelling = " ".join(unit.replace(".", " ").split())
    if not spelling:
        return UnitMeasure("piece", Fraction(1))
    known = kitchen_units().find(spelling)
    if known is not None:
        return known.measure
    return UnitMeasure(f"unit {singular(fold(spelling))}", Fraction(1))


_Phrase = tuple[str, ...]
_Phrases = tuple[_Phrase, ...]


class _SizesByPhrase:
    """Sizes by the phrases that name their foods, looked up by the first word of each."""

    def __init__(self, entries: Iterable[tuple[_Phrases, Fraction]]) -> None:
        """Index the entries, of which the first one that fits counts."""
        self._by_word: dict[str, list[tuple[int, _Phrase, Fraction]]] = defaultdict(list)
        self._by_ending: dict[str, list[tuple[int, _Phrase, Fraction]]] = defaultdict(list)
        for order, (phrases, size) in enumerate(entries):
            for phrase in phrases:
                first = phrase[0]
                index, key = (
                    (self._by_ending, first[1:]) if first[0] == "*" else (self._by_word, first)
                )
                index[key].append((order, phrase, size))

    def find(self, names: tuple[str, ...]) -> Fraction | None:
        """Return the size of the food with these words, None if it is unknown."""
        fitting = [
            (order, size)
            for order, phrase, size in self._candidates(names)
            if _has_phrase((phrase,), names)
        ]
        return min(fitting)[1] if fitting else None

    def _candidates(self, names: tuple[str, ...]) -> Iterator[tuple[int, _Phrase, Fraction]]:
        for name in names:
            yield from self._by_word.get(name, ())
            for start in range(len(name)):
                yield from self._by_ending.get(name[start:], ())


@cache
def _densities() -> _SizesByPhrase:
    entries = _load("foods.toml")["densities"]
    return _SizesByPhrase(
        (_phrases(entry["names"]), Fraction(entry["g_per_ml"])) for entry in entries
    )


@cache
def _weights() -> Mapping[str, tuple[tuple[_Phrases, Fraction], ...]]:
    """Return by dimension the foods whose pieces have known weights, in grams."""
    weights: dict[str, tuple[tuple[_Phrases, Fraction], ...]] = {}
    for entry in _load("foods.toml")["weights"]:
        weight = (_phrases(entry["names"]), Fraction(entry["g"]))
        dimension = f"unit {entry['unit']}"
        weights[dimension] = (*weights.get(dimension, ()), weight)
    return weights


def _weight(dimension: str, ingredient: str) -> Fraction | None:
    """Return the grams of one of a counted unit of a food, None if they are unknown."""
    for phrases, size in _weights().get(dimension, ()):
        if _has_phrase(phrases, singulars(ingredient)):
            return size
    return None


def _phrases(names: Iterable[str]) -> _Phrases:
    return tuple(tuple(name.split()) for name in names)


def _has_phrase(phrases: _Phrases, names: tuple[str, ...]) -> bool:
    return any(
        all(
            any(name.endswith(word[1:]) if word[0] == "*" else name == word for name in names)
            for word in phrase
        )
        for phrase in phrases
    )
