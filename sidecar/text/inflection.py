"""Stems that the forms of a noun share, by language: Kartoffel and Kartoffeln, jabłko and jabłek.

A light stemmer, of number and case alone (Savoy, "Light stemming approaches for the French,
Portuguese, German and Hungarian languages", 2006). data/inflections.toml has the rules.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sidecar.text.folding import fold

_SHORTEST_STEM: Final = 3


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of all languages, each by what it changes, to languages and replacements."""

    languages: frozenset[str]
    endings: Mapping[str, frozenset[str]]
    changes: Mapping[str, Mapping[str, str]]
    words: Mapping[str, Mapping[str, str]]
    longest_ending: int
    longest_change: int


def stems(word: str) -> Mapping[str, frozenset[str]]:
    """Return the stems that a folded word has, each with the languages in which it has it."""
    rules = _rules()
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for language, stem in rules.words.get(word, {}).items():
        found[stem] |= {language}
    remaining = rules.languages.difference(*found.values())
    for size in range(min(rules.longest_ending, max(0, len(word) - _SHORTEST_STEM)), -1, -1):
        cut = len(word) - size
        inflected = remaining & rules.endings.get(word[cut:], frozenset()) if size else remaining
        remaining -= inflected
        for stem, languages in _changed(word[:cut], inflected, rules):
            found[stem] |= languages
    return found


def _changed(
    stem: str, languages: frozenset[str], rules: _Rules
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the stem as it is after the languages' changes, by language."""
    for size in range(min(rules.longest_change, len(stem)), 0, -1):
        for language in languages & (changes := rules.changes.get(stem[-size:], {})).keys():
            if len(stem) - size + len(changes[language]) >= _SHORTEST_STEM:
                yield stem[:-size] + changes[language], frozenset((language,))
                languages -= {language}
    if languages:
        yield stem, languages


@cache
def _rules() -> _Rules:
    data = files(__package__).joinpath("data/inflections.toml").read_text(encoding="utf-8")
    tables: Mapping[str, Mapping[str, Any]] = tomllib.loads(data)
    endings: dict[str, set[str]] = defaultdict(set)
    changes: dict[str, dict[str, str]] = defaultdict(dict)
    words: dict[str, dict[str, str]] = defaultdict(dict)
    for language, table in tables.items():
        for ending in table["endings"].split(","):
            endings[fold(ending)].add(language)
        for end, replaced in table.get("changes", {}).items():
            changes[fold(end)][language] = fold(replaced)
        for word, stem in table.get("words", {}).items():
            words[fold(word)][language] = fold(stem)
    return _Rules(
        frozenset(tables),
        {ending: frozenset(languages) for ending, languages in endings.items()},
        changes,
        words,
        max(map(len, endings)),
        max(map(len, changes)),
    )
