"""What the words of a line mean, by the phrases of many languages in data/vocabulary.toml."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.receipts.fields.wording import fold, is_unspaced
from sidecar.receipts.roles.tokens import JOINED
from sidecar.receipts.word_lists import load

MEANINGS = tuple(load("vocabulary"))
"""The kinds of phrases, in the order of the model's features."""
_WORD = re.compile(rf"{JOINED}|\d+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase found in a line: the words from `start` up to `end` have that meaning."""

    start: int
    end: int
    meaning: int
    """Index into MEANINGS."""


@functools.cache
def _phrases() -> tuple[dict[str, list[tuple[tuple[str, ...], int]]], list[tuple[str, int]]]:
    """Return the phrases by their first word, and those of scripts that don't separate words."""
    by_first: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    joined: list[tuple[str, int]] = []
    seen = set()
    for index, meaning in enumerate(MEANINGS):
        for entries in load("vocabulary")[meaning].values():
            for entry in entries.split("|"):
                words = tuple(_WORD.findall(fold(entry)))
                if not words or (words, index) in seen:
                    continue
                seen.add((words, index))
                if is_unspaced(words[0]):
                    joined.append(("".join(words), index))
                else:
                    by_first.setdefault(words[0], []).append((words, index))
    for found in by_first.values():
        found.sort(key=lambda phrase: -len(phrase[0]))
    joined.sort(key=lambda phrase: -len(phrase[0]))
    return by_first, joined


def phrases_in(words: Sequence[str]) -> list[Phrase]:
    """Return the phrases among folded words; within a meaning, the longest of overlapping ones."""
    by_first, joined = _phrases()
    found: list[Phrase] = []
    for start, word in enumerate(words):
        for phrase, meaning in by_first.get(word, ()):
            end = start + len(phrase)
            if tuple(words[start:end]) == phrase and not _covered(found, start, end, meaning):
                found.append(Phrase(start, end, meaning))
        if word and word[-1] > "\u0e00":
            for text, meaning in joined:
                if text in word and not _covered(found, start, start + 1, meaning):
                    found.append(Phrase(start, start + 1, meaning))
    return found


def _covered(found: Sequence[Phrase], start: int, end: int, meaning: int) -> bool:
    return any(p.meaning == meaning and p.start <= start and end <= p.end for p in found)
