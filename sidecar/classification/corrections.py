"""Matches names against a tenant's category corrections.

A correction applies to its own name and to names that differ only in case, punctuation,
abbreviations, package sizes, plural endings, or one typo. Any other name is another product:
"almond milk" is not "milk", and "milk chocolate" is not "chocolate milk".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import label_key, vocabulary

# A typo is one edit in a key of at least this many characters; in shorter ones it makes other words
# ("bean", "bear", "beer").
_MIN_TYPO_LENGTH: Final = 8
#: Stored characters of a corrected name, and of its key.
MAX_CORRECTED_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class CategoryCorrection:
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class CorrectionIndex:
    """One tenant's corrections, indexed by name; created by `build_index`."""

    categories: Mapping[str, str]
    """A name's key (`name_key`) to its category."""
    keys: tuple[str, ...]

    def label_for(self, name: str, labels: Sequence[str]) -> str | None:
        """Return the label that a correction gives `name`, None without an applicable correction.

        The same name takes precedence over a typo, and the alphabetically first typo over others,
        so the result depends on the corrections alone. Corrections to a category that is not among
        the labels don't apply.
        """
        if not self.keys:
            return None
        key = name_key(name)
        exact = self.categories.get(key)
        if exact is not None:
            return _matching_label(labels, exact)
        near = process.extract(
            key, self.keys, scorer=DamerauLevenshtein.distance, score_cutoff=1, limit=None
        )
        typos = sorted(other for other, _, _ in near if _is_typo(key, other))
        matches = (_matching_label(labels, self.categories[other]) for other in typos)
        return next((label for label in matches if label is not None), None)


def build_index(corrections: Iterable[CategoryCorrection]) -> CorrectionIndex:
    """Index the corrections, oldest first; a later one for the same name replaces an earlier."""
    categories = {name_key(correction.name): correction.category for correction in corrections}
    return CorrectionIndex(MappingProxyType(categories), tuple(categories))


def name_key(name: str) -> str:
    """Return the key that near-identical names share; without letters or digits, the name."""
    return label_key(product_key(name)) or name.strip().casefold()


def correction_key(name: str) -> str:
    """Return the key under which a correction of `name` is stored, at most 500 characters."""
    return name_key(name[:MAX_CORRECTED_NAME])[:MAX_CORRECTED_NAME]


def _matching_label(labels: Sequence[str], category: str) -> str | None:
    """Return the label equal to `category`, or else equal except for case and plural."""
    if category in labels:
        return category
    key = label_key(category)
    return next((label for label in labels if key and label_key(label) == key), None)


def _is_typo(key: str, other: str) -> bool:
    """Return whether keys one edit apart differ by a typo, not a digit or a word (soup, soap)."""
    if min(len(key), len(other)) < _MIN_TYPO_LENGTH:
        return False
    words, other_words = set(key.split()), set(other.split())
    changed = [words - other_words, other_words - words]
    if any(c.isdigit() for side in changed for word in side for c in word):
        return False
    return not all(side <= vocabulary() for side in changed)
