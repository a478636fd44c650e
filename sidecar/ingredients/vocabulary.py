"""The words of ingredient lines by language, from data/lines.toml."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sidecar.ingredients.units import LANGUAGES, kitchen_units
from sidecar.text.words import words

_LETTERS: Final = {
    "de": "äöüß",
    "fr": "œêèàûîç",
    "es": "ñ¿",
    "it": "òàù",
    "pt": "ãõç",
    "pl": "łąęśżźćńó",
}
_LISTS: Final = (
    *("articles", "some", "about", "range", "plus", "of", "sizes", "after", "each", "parts"),
    *("purpose", "taste", "optional", "kinds", "between", "spoons", "bare"),
)
_FOOD_WEIGHT: Final = 2.0
_LETTER_WEIGHT: Final = 0.7

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """A set of phrases, each with a value, found longest first."""

    values: Mapping[Phrase, Fraction]
    longest: int

    def match(self, folded: Sequence[str], start: int = 0) -> int:
        """Return how many words the longest phrase at `start` has, 0 if there is none."""
        for length in range(min(self.longest, len(folded) - start), 0, -1):
            if tuple(folded[start : start + length]) in self.values:
                return length
        return 0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a language's ingredient lines; data/lines.toml says what each is."""

    numbers: Phrases
    articles: Phrases
    some: Phrases
    about: Phrases
    range: Phrases
    and_: Phrases
    plus: Phrases
    of: Phrases
    or_: Phrases
    sizes: Phrases
    after: Phrases
    each: Phrases
    parts: Phrases
    purpose: Phrases
    taste: Phrases
    optional: Phrases
    kinds: Phrases
    between: Phrases
    spoons: Phrases
    bare: Phrases
    not_units: Phrases
    heads: Phrases
    number_signs: Phrases
    not_counts: Phrases
    slashed_ranges: bool


@cache
def vocabulary(language: str) -> Vocabulary:
    """Return the vocabulary of one of `LANGUAGES`."""
    data = _data()
    entry, shared = data[language], data["shared"]
    lists = {name: _phrases(entry.get(name, ())) for name in _LISTS}
    return Vocabulary(
        numbers=_phrases(entry["numbers"]),
        and_=_phrases(entry["and"]),
        or_=_phrases(entry["or"]),
        not_units=_phrases(shared["not_units"]),
        heads=_phrases(shared["heads"]),
        number_signs=_phrases(shared["number_signs"]),
        not_counts=_phrases(shared["not_counts"]),
        slashed_ranges=language in shared["slashed_ranges"],
        **lists,
    )


def detect_languages(lines: Sequence[str]) -> list[str]:
    """Return the likeliest language of each line; the other lines decide where a line doesn't."""
    scores = [_scores(line) for line in lines]
    total: dict[str, float] = defaultdict(float)
    for line_scores in scores:
        for language, score in line_scores.items():
            total[language] += score / len(lines)
    return [
        max(
            LANGUAGES,
            key=lambda language: line_scores.get(language, 0.0) + total.get(language, 0.0),
        )
        for line_scores in scores
    ]


def _scores(line: str) -> dict[str, float]:
    scores: dict[str, float] = defaultdict(float)
    evidence = _evidence()
    for word in words(line):
        for language, weight in evidence.get(word, ()):
            scores[language] += weight
    lower = line.lower()
    for language, letters in _LETTERS.items():
        if any(letter in lower for letter in letters):
            scores[language] += _LETTER_WEIGHT
    return scores


@cache
def _evidence() -> Mapping[str, tuple[tuple[str, float], ...]]:
    """Return the weights of words for languages; a word of several languages weighs less."""
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    by_language = kitchen_units().by_language
    for language in LANGUAGES:
        entry = _data()[language]
        listed = [word for name, entries in entry.items() if name != "foods" for word in entries]
        for phrase in (*listed, *by_language[language]):
            for word in words(phrase):
                weights[word].setdefault(language, 1.0)
        for word in entry["foods"]:
            weights[word][language] = _FOOD_WEIGHT
    return {
        word: tuple((language, weight / len(found)) for language, weight in found.items())
        for word, found in weights.items()
        if len(found) < len(LANGUAGES) - 2
    }


def _phrases(entries: Iterable[str] | Mapping[str, int | str]) -> Phrases:
    values = entries if isinstance(entries, Mapping) else dict.fromkeys(entries, 1)
    found = {words(phrase) or (phrase,): Fraction(value) for phrase, value in values.items()}
    return Phrases(found, max(map(len, found), default=0))


@cache
def _data() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("sidecar.ingredients") / "data" / "lines.toml").read_text("utf-8"))
