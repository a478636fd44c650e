"""Matches names against a tenant's category corrections.

A correction applies to its own name and to names that differ only in case, punctuation,
abbreviations, package sizes, plural endings, or one typo. Any other name is another product:
"almond milk" is not "milk", and "milk chocolate" is not "chocolate milk".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from sidecar.text.lexicon import lexicon
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import label_key

# A typo is one edit in a key of at least this many characters; in shorter ones it makes other words
# ("bean", "bear", "beer"). Longer keys than products have must match exactly.
_MIN_TYPO_LENGTH: Final = 8
_MAX_TYPO_LENGTH: Final = 100
#: Corrections that are looked at for one name: a tenant may store every typo of one word.
_MAX_CANDIDATES: Final = 100
#: Stored characters of a corrected name, and of its key.
MAX_CORRECTED_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class CategoryCorrection:
    name: str
    category: str


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
    keys_by_name: Mapping[str, str]
    """Each corrected name to its key, for the next version of this index."""
    typo_keys: Sequence[str]
    """The keys that a typo may turn into others, sorted."""
    hashes: NDArray[np.int64]
    """Hashes of these keys with at most one character deleted, sorted; shape (hashes,)."""
    owners: NDArray[np.int32]
    """The row in `typo_keys` of each hash, ascending within equal hashes; shape (hashes,)."""

    def label_for(self, name: str, labels: "LabelIndex") -> str | None:
        """Return the label that a correction gives `name`, None without an applicable correction.

        The same name takes precedence over a typo, and the alphabetically first typo over others,
        so the result depends on the corrections alone. Corrections to a category that is not among
        the labels don't apply.
        """
        if not self.categories:
            return None
        key = name_key(name)
        exact = self.categories.get(key)
        if exact is not None:
            return labels.matching(exact)
        matches = (labels.matching(self.categories[other]) for other in self._typos_of(key))
        return next((label for label in matches if label is not None), None)

    def _typos_of(self, key: str) -> Sequence[str]:
        """Return the corrected keys that differ from `key` by a typo, sorted."""
        if not _may_have_typos(key) or not self.typo_keys:
            return ()
        hashes = np.array(list(_deletion_hashes(key)))
        first = np.searchsorted(self.hashes, hashes, side="left")
        last = np.searchsorted(self.hashes, hashes, side="right")
        rows = {
            int(row)
            for start, end in zip(first, np.minimum(last, first + _MAX_CANDIDATES), strict=True)
            for row in self.owners[start:end]
        }
        candidates = [self.typo_keys[row] for row in sorted(rows)[:_MAX_CANDIDATES]]
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
    categories, keys_by_name = {}, {}
    for correction in corrections:
        key = known.get(correction.name) or name_key(correction.name)
        keys_by_name[correction.name] = key
        categories[key] = correction.category
    typo_keys = sorted(filter(_may_have_typos, categories))
    variants = [_deletion_hashes(key) for key in typo_keys]
    hashes = np.fromiter((value for values in variants for value in values), np.int64)
    owners = np.repeat(np.arange(len(typo_keys), dtype=np.int32), list(map(len, variants)))
    order = np.argsort(hashes, kind="stable")
    return CorrectionIndex(
        MappingProxyType(categories),
        MappingProxyType(keys_by_name),
        typo_keys,
        hashes[order],
        owners[order],
    )


def name_key(name: str) -> str:
    """Return the key that near-identical names share; without letters or digits, the name."""
    return label_key(product_key(name)) or name.strip().casefold()


def correction_key(name: str) -> str:
    """Return the key under which a correction of `name` is stored, at most 500 characters."""
    return name_key(name[:MAX_CORRECTED_NAME])[:MAX_CORRECTED_NAME]


def _may_have_typos(key: str) -> bool:
    return _MIN_TYPO_LENGTH <= len(key) <= _MAX_TYPO_LENGTH


def _deletion_hashes(key: str) -> set[int]:
    """Return the hashes of the key and of the key without each one of its characters.

    Python's hashes of strings are keyed anew in each process, so nobody can make them collide.
    """
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
    known = lexicon()
    languages = [known.languages_of(word) for word in (*words, *others)]
    if not languages or not frozenset.intersection(*languages):
        return False
    first, second = (set(known.product(" ".join(side))) for side in (words, others))
    return not first & second
