"""A text's words, and which words of documents a word of a query means.

Words are compared without case, accents and English plural endings. One that no document has may be
misspelled, inflected or a part of a compound: it then stands for the words that are nearly it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sidecar.text.product_names import expand
from sidecar.text.taxonomy import label_key

_IDEOGRAPHS: Final = "\u3040"  # scripts from here on, up to Hangul, are written without blanks
_HANGUL: Final = "\uac00"
# Edits that may separate a word of so many letters from what was meant; shorter words are others
# ("bean", "bear", "beer").
_EDITS: Final = ((9, 2), (5, 1))
_SHORTEST_PART: Final = 5  # letters of a word that is looked for inside others
_COMPARED: Final = 20_000  # words that are compared at a time: each time holds the GIL, for 15 ms
_EDITED: Final = 0.8  # weight of a word with one edit, of its square with two
_PART: Final = 0.5  # weight of a compound with the word


@dataclass(frozen=True, slots=True)
class Terms:
    """A document's normalized words; `name` is its first line, normalized too."""

    name: str
    counts: Mapping[str, int]
    length: int


def document_terms(text: str) -> Terms:
    """Return the terms of a document; callers with repeated documents may cache them."""
    found = words_of(text)
    first_line, *more = text.strip().splitlines() or [""]
    name = words_of(first_line) if more else found
    return Terms(" ".join(name), Counter(found), len(found))


def words_of(text: str) -> list[str]:
    """Return the normalized words; of scripts without blanks, pairs of characters."""
    return [part for word in label_key(expand(text)).split() for part in _parts(word)]


def meant_words(word: str, vocabulary: Iterable[str]) -> Mapping[str, float]:
    """Return the words of `vocabulary` that `word`, which is not among them, may stand for.

    Their weights are between 0 and 1.
    """
    if not word.isalpha() or _has_no_blanks(word):
        return {}
    candidates = vocabulary if isinstance(vocabulary, Sequence) else list(vocabulary)
    edits = next((count for letters, count in _EDITS if len(word) >= letters), 0)
    meant: dict[str, float] = {}
    if edits:
        for start in range(0, len(candidates), _COMPARED):
            near = process.extract(
                word,
                candidates[start : start + _COMPARED],
                scorer=OSA.distance,
                score_cutoff=edits,
                limit=None,
            )
            meant |= {other: _EDITED ** int(distance) for other, distance, _ in near}
    if len(word) >= _SHORTEST_PART and not meant:
        meant = {other: _PART for other in candidates if word in other}
    if not meant:
        meant = {
            other: _PART for other in candidates if len(other) >= _SHORTEST_PART and other in word
        }
    return meant


def _parts(word: str) -> Iterator[str]:
    if not _has_no_blanks(word) or len(word) < 3:
        yield word
    else:
        yield from (word[at : at + 2] for at in range(len(word) - 1))


def _has_no_blanks(word: str) -> bool:
    return _IDEOGRAPHS <= word[0] < _HANGUL
