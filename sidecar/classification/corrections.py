"""Which of a tenant's corrections, if any, settles a name.

A correction covers its own name and names that differ from it only in what says nothing about the
product: case, punctuation, abbreviations, package sizes, plural endings, and one slip of the
keyboard or the printer. Everything else is another product: "almond milk" is not "milk", and
"milk chocolate" is not "chocolate milk".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import label_key, vocabulary

# A slip is one edit in a name of at least this many letters: in shorter ones it makes other words
# ("bean", "bear", "beer").
_MIN_TYPO_LENGTH: Final = 8
#: Characters of a name that a correction keeps, and of its key.
MAX_CORRECTED_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class CategoryCorrection:
    """The category that a person gave a name."""

    name: str
    category: str


@dataclass(frozen=True, slots=True)
class CorrectionIndex:
    """One tenant's corrections, ready to be asked. Build with `build_index`."""

    categories: Mapping[str, str]
    """A name's key (`name_key`) to its category."""
    keys: tuple[str, ...]
    """Those keys."""

    def label_for(self, name: str, labels: Sequence[str]) -> str | None:
        """The one of `labels` that a correction settles `name` to; None when none does.

        The same name comes before a slip of it, and among slips the alphabetically first, so that
        the answer depends on nothing but the corrections. A correction to a category that is not
        among the labels settles nothing.
        """
        if not self.keys:
            return None
        key = name_key(name)
        same = self.categories.get(key)
        if same is not None:
            return _matching_label(labels, same)
        near = process.extract(
            key, self.keys, scorer=DamerauLevenshtein.distance, score_cutoff=1, limit=None
        )
        slips = sorted(other for other, _, _ in near if _is_typo(key, other))
        found = (_matching_label(labels, self.categories[other]) for other in slips)
        return next((label for label in found if label is not None), None)


def build_index(corrections: Iterable[CategoryCorrection]) -> CorrectionIndex:
    """Corrections in the order they were made: of two for the same name the later one counts."""
    categories = {name_key(correction.name): correction.category for correction in corrections}
    return CorrectionIndex(MappingProxyType(categories), tuple(categories))


def name_key(name: str) -> str:
    """What near-identical names share; the name itself when it has no letter or digit."""
    return label_key(product_key(name)) or name.strip().casefold()


def correction_key(name: str) -> str:
    """Return the key that a correction of `name` is stored under, at most 500 characters."""
    return name_key(name[:MAX_CORRECTED_NAME])[:MAX_CORRECTED_NAME]


def _matching_label(labels: Sequence[str], category: str) -> str | None:
    """The label that says `category`: in the same letters, or else but for case and plural."""
    if category in labels:
        return category
    key = label_key(category)
    return next((label for label in labels if key and label_key(label) == key), None)


def _is_typo(key: str, other: str) -> bool:
    """Whether names one edit apart differ in letters, and not as one word of groceries from
    another (soup, soap).
    """
    if min(len(key), len(other)) < _MIN_TYPO_LENGTH:
        return False
    said, meant = set(key.split()), set(other.split())
    changed = [said - meant, meant - said]
    if any(c.isdigit() for words in changed for word in words for c in word):
        return False
    return not all(words <= vocabulary() for words in changed)
