"""The words of ingredient lines by language, from data/lines.toml and data/elsewhere.toml."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sidecar.ingredients.units import LANGUAGES, kitchen_units, words_elsewhere
from sidecar.text.folding import fold
from sidecar.text.words import words

_LETTERS: Final = {
    "de": "äöüß",
    "fr": "œêèàûîç",
    "es": "ñ¿",
    "it": "òàù",
    "pt": "ãõç",
    "pl": "łąęśżźćńó",
}
#: Languages by the letters of their scripts.
_SCRIPTS: Final = {
    "\u0370-\u03ff\u1f00-\u1fff": ("el",),
    "\u0400-\u04ff": ("uk", "ru", "bg", "sr"),
    "\u0590-\u05ff": ("he",),
    "\u0600-\u06ff": ("ar", "fa"),
    "\u0900-\u097f": ("hi",),
    "\u0e00-\u0e7f": ("th",),
    "\u3040-\u30ff": ("ja",),
    "\u4e00-\u9fff": ("zh", "ja"),
    "\uac00-\ud7af": ("ko",),
}
_SCRIPT_WEIGHT: Final = 3.0
_FOREIGN_LETTER_WEIGHT: Final = 2.0  # of a letter that no word of `LANGUAGES` has
_FOREIGN_UNIT_WEIGHT: Final = 2.5
_SHARED_WEIGHT: Final = 0.3  # of a word that one of `LANGUAGES` has too
#: The language of a line whose script says that it is none that has words here.
UNKNOWN: Final = "und"
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
    """Return the vocabulary of a language: of one beyond `LANGUAGES` there is little."""
    data = _data()
    entry, shared = data.get(language) or _entry_elsewhere(language), data["shared"]
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


def _entry_elsewhere(language: str) -> dict[str, Any]:
    entry = words_elsewhere().get(language, {})
    lists = {name: _split(entry, name) for name in ("taste", "or", "optional", "about")}
    return {**lists, "numbers": dict.fromkeys(_split(entry, "half"), "1/2"), "and": ()}


def _split(entry: Mapping[str, str], name: str) -> list[str]:
    return entry[name].split(" | ") if name in entry else []


def detect_languages(lines: Sequence[str]) -> list[str]:
    """Return the likeliest language of each line; the other lines decide where a line doesn't.

    It is one of `LANGUAGES`, of data/elsewhere.toml, or `UNKNOWN`.
    """
    candidates = (*LANGUAGES, *words_elsewhere(), UNKNOWN)
    scores = [_scores(line) for line in lines]
    total: dict[str, float] = defaultdict(float)
    for line_scores in scores:
        for language, score in line_scores.items():
            total[language] += score / len(lines)
    return [
        max(
            candidates,
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
    for language, marks, taste in _marks_elsewhere():
        if any(letter in lower for letter in marks):
            scores[language] += _FOREIGN_LETTER_WEIGHT
        if any(phrase in lower for phrase in taste):
            scores[language] += _FOREIGN_UNIT_WEIGHT
    if not line.isascii():
        for language in _languages_of_script(line):
            scores[language] += _SCRIPT_WEIGHT
            if "\u2e80" <= max(line) < "\uac00":  # no blanks between words
                scores[language] += sum(phrase in line for phrase in _phrases_elsewhere(language))
    return scores


@cache
def _marks_elsewhere() -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Return the letters of each other language, and its phrases for "to taste"."""
    return tuple(
        (language, tuple(entry.get("letters", "").split()), tuple(_split(entry, "taste")))
        for language, entry in words_elsewhere().items()
    )


@cache
def _phrases_elsewhere(language: str) -> tuple[str, ...]:
    entries = words_elsewhere().get(language, {}).values()
    return tuple(phrase for phrases in entries for phrase in phrases.split(" | "))


def _languages_of_script(line: str) -> tuple[str, ...]:
    """Return the languages of the script that most letters beyond the Latin ones are of."""
    letters = [char for char in line if char.isalpha() and char > "\u036f"]
    letters = [char for char in letters if not "\u1e00" <= char < "\u1f00"]
    if 2 * len(letters) < sum(map(str.isalpha, line)) or not letters:
        return ()
    counts = {
        script: sum(map(len, re.findall(f"[{script}]", "".join(letters)))) for script in _SCRIPTS
    }
    if counts["\u3040-\u30ff"]:
        return ("ja",)
    script = max(counts, key=lambda key: counts[key])
    return _SCRIPTS[script] if counts[script] else (UNKNOWN,)


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
    known = {
        word: tuple((language, weight / len(found)) for language, weight in found.items())
        for word, found in weights.items()
        if len(found) < len(LANGUAGES) - 2
    }
    elsewhere = _evidence_elsewhere()
    return {
        word: (
            *known.get(word, ()),
            *(
                (language, min(weight, _SHARED_WEIGHT) if word in weights else weight)
                for language, weight in elsewhere.get(word, ())
            ),
        )
        for word in known.keys() | elsewhere.keys()
    }


def _evidence_elsewhere() -> Mapping[str, tuple[tuple[str, float], ...]]:
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for language, entry in words_elsewhere().items():
        for name in entry.keys() - {"letters", "taste", "half", "or", "optional", "about"}:
            weight = _FOOD_WEIGHT if name == "foods" else _FOREIGN_UNIT_WEIGHT
            for phrase in entry[name].split(" | "):
                if kitchen_units().find(phrase, "en") is not None:
                    continue
                parts = words(phrase)
                for word in parts if len(parts) == 1 else filter(_tells, parts):
                    weights[word][language] = max(weight, weights[word].get(language, 0.0))
    return {
        word: tuple((language, weight / len(found)) for language, weight in found.items())
        for word, found in weights.items()
    }


def _tells(word: str) -> bool:
    """Whether a word of a longer phrase tells a language by itself: no "de", no "cà"."""
    return len(word) > 2


def _folded(phrase: str) -> Phrase:
    found = words(phrase) or (phrase,)
    has_vowel_signs = sum(map(len, found)) < len(fold(phrase).replace(" ", ""))
    return tuple(fold(phrase).split()) if has_vowel_signs and not phrase.isascii() else found


def _phrases(entries: Iterable[str] | Mapping[str, int | str]) -> Phrases:
    values = entries if isinstance(entries, Mapping) else dict.fromkeys(entries, 1)
    found = {_folded(phrase): Fraction(value) for phrase, value in values.items()}
    return Phrases(found, max(map(len, found), default=0))


@cache
def _data() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("sidecar.ingredients") / "data" / "lines.toml").read_text("utf-8"))
