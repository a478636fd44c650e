"""Excluded ingredients: by id, by name, and by allergen group with its usual foods.

data/allergens.toml holds the groups, in eight languages; what other languages call their foods, the
taxonomy's names tell. A match is sure, or likely enough to exclude the food: the
planner excludes both and says which is which.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, lru_cache
from importlib.resources import files

from sidecar.ingredients.units import LANGUAGES
from sidecar.text.lexicon import lexicon
from sidecar.text.words import singulars, words

_MIN_COMPOUND_LETTERS = 4  # a shorter word is a part of too many others

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Why a food is excluded. It is not `sure` where the food often, but not always, matches."""

    sure: bool


class _Patterns:
    """Patterns by the letters that their first word begins or ends with.

    So a name is looked up in time that doesn't grow with the number of patterns.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._starting: dict[str, list[tuple[re.Pattern[str], ...]]] = defaultdict(list)
        self._ending: dict[str, list[tuple[re.Pattern[str], ...]]] = defaultdict(list)
        for text in texts:
            first, *_ = words = text.split()
            start, _, end = first.partition("*")
            index, key = (self._starting, start) if start else (self._ending, end)
            index[key].append(tuple(re.compile(translate(word)) for word in words))

    def spans(self, name: Words) -> Iterator[frozenset[int]]:
        """Yield the positions of the words of each occurrence in a name."""
        for start, word in enumerate(name):
            for pattern in self._candidates(word):
                rest = name[start : start + len(pattern)]
                if len(rest) == len(pattern) and all(
                    part.fullmatch(other) for part, other in zip(pattern, rest, strict=True)
                ):
                    yield frozenset(range(start, start + len(pattern)))

    def _candidates(self, word: str) -> Iterator[tuple[re.Pattern[str], ...]]:
        for length in range(1, len(word) + 1):
            yield from self._starting.get(word[:length], ())
            yield from self._ending.get(word[-length:], ())


@dataclass(frozen=True, slots=True)
class _Group:
    contains: _Patterns
    may_contain: _Patterns
    exceptions: _Patterns
    free: _Patterns


@dataclass(frozen=True, slots=True)
class _Groups:
    names: Mapping[str, tuple[str, ...]]
    by_id: Mapping[str, _Group]


def group_name(wish: str) -> str | None:
    """Return the name of the allergen group that a wish names, None if it names none."""
    name = " ".join(words(wish))
    groups = _groups()
    synonyms = _synonyms()
    return name if name in groups.names else synonyms.get(name)


def match_ingredient(wish: str, ingredient_id: str, name: str) -> Match | None:
    """Return whether an excluded ingredient (its id, its name or a group) covers a food.

    A name covers every food with all its words ("chicken" covers "chicken breast"), and probably
    one with compounds of them ("corn" and "cornstarch").
    """
    if wish == ingredient_id:
        return Match(sure=True)
    if (group := group_name(wish)) is not None:
        return _match_group(group, name)
    return _match_words(singulars(wish), singulars(name))


@lru_cache(maxsize=65_536)
def _match_group(group: str, name: str) -> Match | None:
    parts = _groups().names[group]
    matches = [_match_one(_groups().by_id[part], words(name)) for part in parts]
    found = [match for match in matches if match is not None]
    if not found and any(not _subcategories(part).isdisjoint(_beyond(name)) for part in parts):
        return Match(sure=False)
    return max(found, key=lambda match: match.sure, default=None)


def _match_one(group: _Group, name: Words) -> Match | None:
    if any(True for _ in group.free.spans(name)):
        return None
    excepted = list(group.exceptions.spans(name))
    for patterns, sure in ((group.contains, True), (group.may_contain, False)):
        if any(not any(span <= other for other in excepted) for span in patterns.spans(name)):
            return Match(sure)
    return None


def _beyond(name: str) -> frozenset[str]:
    """Return the sub-categories of a name that only languages without patterns here have."""
    return lexicon().subcategories_beyond(name, LANGUAGES)


@cache
def _subcategories(group: str) -> frozenset[str]:
    listed: Mapping[str, str] = _data()["subcategories"]  # type: ignore[assignment]
    return frozenset(listed[group].split(" | ")) if group in listed else frozenset()


def _match_words(wish: Words, name: Words) -> Match | None:
    if not wish:
        return None
    if set(wish) <= set(name):
        return Match(sure=True)
    if all(any(_is_part(word, other) for other in name) for word in wish):
        return Match(sure=False)
    return None


def _is_part(word: str, other: str) -> bool:
    return word == other or (
        len(word) >= _MIN_COMPOUND_LETTERS and (other.startswith(word) or other.endswith(word))
    )


@cache
def _data() -> dict[str, dict[str, dict[str, list[str]]]]:
    text = (files("sidecar.planning") / "data" / "allergens.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _synonyms() -> Mapping[str, str]:
    synonyms: Mapping[str, str] = _data()["synonyms"]  # type: ignore[assignment]
    more: Mapping[str, str] = _data()["more_synonyms"]  # type: ignore[assignment]
    return {
        **{" ".join(words(name)): group for group in more for name in more[group].split(" | ")},
        **synonyms,
    }


@cache
def _groups() -> _Groups:
    names: Mapping[str, Sequence[str]] = _data()["names"]  # type: ignore[assignment]
    return _Groups(
        names={name: tuple(parts) for name, parts in names.items()},
        by_id={
            name: _Group(
                contains=_Patterns(data["contains"]),
                may_contain=_Patterns(data["may_contain"]),
                exceptions=_Patterns(data["except"]),
                free=_Patterns(data["free"]),
            )
            for name, data in _data()["groups"].items()
        },
    )
