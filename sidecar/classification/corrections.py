"""Matches names against a tenant's category corrections.

A correction applies to its own name and to names that differ only in case, punctuation,
abbreviations, package sizes, inflection (Kartoffel, Kartoffeln; jabłko, jabłek), or one typo. Any
other name is another product: "almond milk" is not "milk", "milk chocolate" is not "chocolate
milk", and "pepper" is not "peppers".
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from sidecar.text.folding import fold
from sidecar.text.lexicon import lexicon
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import label_key

# A typo is one edit in a key of at least this many characters; in shorter ones it makes other words
# ("bean", "bear", "beer"). Longer keys than products have must match exactly.
_MIN_TYPO_LENGTH: Final = 8
_MAX_TYPO_LENGTH: Final = 100
#: Corrections that are looked at for one name: a tenant may store every typo of one word.
_MAX_CANDIDATES: Final = 100
_WORD: Final = re.compile(r"[^\W_]+")
#: Stored characters of a corrected name, and of its key.
MAX_CORRECTED_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class CategoryCorrection:
    name: str
    category: str


class NameKeys(NamedTuple):
    """What a corrected name is found by."""

    key: str
    """`name_key`"""
    inflections: tuple[int, ...]
    """Hashes of the keys that it shares with its inflected forms."""


@dataclass(frozen=True, slots=True)
class _HashTable:
    """Corrections by hashes; Python keys the hashes of strings anew in each process."""

    hashes: NDArray[np.int64]
    """Sorted; shape (hashes,)."""
    rows: NDArray[np.int32]
    """The correction of each hash, ascending within equal hashes; shape (hashes,)."""

    @classmethod
    def of(cls, hashes: Sequence[Collection[int]]) -> "_HashTable":
        """Return the table of each correction's hashes."""
        flat = np.fromiter((value for values in hashes for value in values), np.int64)
        rows = np.repeat(np.arange(len(hashes), dtype=np.int32), list(map(len, hashes)))
        order = np.argsort(flat, kind="stable")
        return cls(flat[order], rows[order])

    def find(self, hashes: Collection[int]) -> Sequence[int]:
        """Return corrections with one of the hashes, at most _MAX_CANDIDATES, the first first."""
        wanted = np.array(list(hashes), dtype=np.int64)
        first = np.searchsorted(self.hashes, wanted, side="left")
        last = np.searchsorted(self.hashes, wanted, side="right")
        rows = {
            int(row)
            for start, end in zip(first, np.minimum(last, first + _MAX_CANDIDATES), strict=True)
            for row in self.rows[start:end]
        }
        return sorted(rows)[:_MAX_CANDIDATES]


@dataclass(frozen=True, slots=True)
class CorrectionIndex:
    """One tenant's corrections, indexed by name; created by `build_index`.

    Typos are found through deletions: two keys at most one edit apart are equal after one character
    is deleted from each, or from one of them (Mor and Fraenkel, "A hash code method for detecting
    and correcting spelling errors", 1982). So a name costs as many look-ups as it has characters,
    however many corrections there are.
    """

    categories: Mapping[str, str]
    """A name's key (`name_key`) to its category."""
    keys_by_name: Mapping[str, NameKeys]
    """Each corrected name to its keys, for the next version of this index."""
    keys: Sequence[str]
    """The keys, sorted; a row of the tables is an index of them."""
    inflections: _HashTable
    """By the keys of inflected forms."""
    typos: _HashTable
    """By the key with at most one character deleted, where a typo may turn it into another."""

    def label_for(self, name: str, labels: "LabelIndex", language: str | None = None) -> str | None:
        """Return the label that a correction gives `name`, None without an applicable correction.

        The same name takes precedence over an inflected form, and that over a typo; of several the
        alphabetically first, so the result depends on the corrections alone. Corrections to a
        category that is not among the labels don't apply. `language` is a hint, an ISO 639-1 code.
        """
        if not self.categories:
            return None
        key, inflections = _name_keys(name, language)
        exact = self.categories.get(key)
        if exact is not None:
            return labels.matching(exact)
        others = [*self._inflections_of(key, inflections), *self._typos_of(key)]
        matches = (labels.matching(self.categories[other]) for other in others)
        return next((label for label in matches if label is not None), None)

    def _inflections_of(self, key: str, inflections: Collection[int]) -> Sequence[str]:
        candidates = [self.keys[row] for row in self.inflections.find(inflections)]
        return [other for other in candidates if not _are_apart(key, other)]

    def _typos_of(self, key: str) -> Sequence[str]:
        """Return the corrected keys that differ from `key` by a typo, sorted."""
        candidates = [self.keys[row] for row in self.typos.find(_deletion_hashes(key))]
        return [other for other in candidates if _is_typo(key, other)]


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """The caller's labels, by themselves and by their keys; created by `index_labels`."""

    labels: frozenset[str]
    by_key: Mapping[str, str]

    def matching(self, category: str) -> str | None:
        """Return the label equal to `category`, or else equal except for case and plural."""
        return category if category in self.labels else self.by_key.get(label_key(category))


def index_labels(labels: Sequence[str]) -> LabelIndex:
    """Index the labels; of those that share a key, the first one counts."""
    by_key = {key: label for label in reversed(labels) if (key := label_key(label))}
    return LabelIndex(frozenset(labels), MappingProxyType(by_key))


def build_index(
    corrections: Iterable[CategoryCorrection], previous: CorrectionIndex | None = None
) -> CorrectionIndex:
    """Index the corrections, oldest first; a later one for the same name replaces an earlier.

    The names that `previous` has too cost less.
    """
    known = previous.keys_by_name if previous else {}
    categories, keys_by_name, inflections = {}, {}, {}
    for correction in corrections:
        keys = known.get(correction.name) or _name_keys(correction.name)
        keys_by_name[correction.name] = keys
        categories[keys.key] = correction.category
        inflections[keys.key] = keys.inflections
    ordered = sorted(categories)
    return CorrectionIndex(
        MappingProxyType(categories),
        MappingProxyType(keys_by_name),
        ordered,
        _HashTable.of([inflections[key] for key in ordered]),
        _HashTable.of([_deletion_hashes(key) for key in ordered]),
    )


def name_key(name: str) -> str:
    """Return the key that near-identical names share; without letters or digits, the name."""
    return _key_of(product_key(name)) or name.strip().casefold()


def _key_of(product: str) -> str:
    """Return the `label_key`, unless what looks like a plural is another product: peppers."""
    key = label_key(product)
    as_written = " ".join(word for word in _WORD.findall(fold(product)) if word != "and")
    return as_written if key != as_written and _are_apart(key, as_written) else key


def _name_keys(name: str, language: str | None = None) -> NameKeys:
    product = product_key(name)
    inflections = {
        key
        for spelling in {product, name.lower()}
        for key in lexicon().inflection_keys(spelling, language)
    }
    key = _key_of(product) or name.strip().casefold()
    return NameKeys(key, tuple(map(hash, inflections)))


def correction_key(name: str) -> str:
    """Return the key under which a correction of `name` is stored, at most 500 characters."""
    return name_key(name[:MAX_CORRECTED_NAME])[:MAX_CORRECTED_NAME]


def _may_have_typos(key: str) -> bool:
    return _MIN_TYPO_LENGTH <= len(key) <= _MAX_TYPO_LENGTH


def _deletion_hashes(key: str) -> set[int]:
    """Return the hashes of the key and of the key without each one of its characters.

    None of a key in which an edit is no typo.
    """
    if not _may_have_typos(key):
        return set()
    return {hash(key), *(hash(key[:i] + key[i + 1 :]) for i in range(len(key)))}


def _is_typo(key: str, other: str) -> bool:
    """Return whether the keys differ by one edit that is not another digit or word (soup, soap)."""
    if OSA.distance(key, other, score_cutoff=1) > 1:
        return False
    words, other_words = set(key.split()), set(other.split())
    changed = [words - other_words, other_words - words]
    if any(c.isdigit() for side in changed for word in side for c in word):
        return False
    return not _are_words(sorted(changed[0]), sorted(changed[1]))


def _are_words(words: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether one language has all of the words, and not as spellings of one product."""
    languages = [lexicon().languages_of(word) for word in (*words, *others)]
    if not languages or not frozenset.intersection(*languages):
        return False
    first, second = (set(lexicon().product(" ".join(side))) for side in (words, others))
    return not first & second


def _are_apart(key: str, other: str) -> bool:
    """Return whether both are listed, in no common sub-category."""
    first, second = (set(lexicon().product(product)) for product in (key, other))
    return bool(first and second) and first.isdisjoint(second)
