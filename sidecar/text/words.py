"""The words of names, without case, accents and signs, in singular or plural."""

import re
from functools import lru_cache
from typing import Final

from sidecar.text.folding import fold

_WORD: Final = re.compile(r"[^\W_]+")
_SHORTEST_IES: Final = 5


@lru_cache(maxsize=16_384)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and signs."""
    return tuple(_WORD.findall(fold(text)))


@lru_cache(maxsize=16_384)
def singulars(text: str) -> tuple[str, ...]:
    """Return the words of a text, each without the ending of an English plural."""
    return tuple(singular(word) for word in words(text))


def singular(word: str) -> str:
    """Return a folded word without the ending of an English plural."""
    if len(word) >= _SHORTEST_IES and word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("oes", "ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


def same_words(first: str, second: str) -> bool:
    """Return whether two names have the same words, in singular or plural."""
    return set(singulars(first)) == set(singulars(second))
