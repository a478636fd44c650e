"""Line items to the caller's catalog: the same words, in four ways of being the same.

exact: the very name; normalised: the same words after case, accents, plurals, sizes and order are
taken away; synonym: one of the item's other names; fuzzy: nearly the same letters, and clearly
nearer than any other item. A match that is not clear is none.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rapidfuzz import fuzz, process

from sidecar.embedding.cache import Vectors
from sidecar.receipts.lines.quantities import UNIT_WORDS
from sidecar.receipts.models import LineItem, Match
from sidecar.receipts.options import CatalogItem

_FUZZY = 86.0  # token_sort_ratio, 0 to 100
_LEAD = 4.0  # how much nearer than the next item
# With all-MiniLM-L6-v2, of 18 pairs of British and American names ("minced beef", "ground beef")
# these find 9 and mistake none; what is not in the catalog at all stays below 0.5.
_MIN_COSINE = 0.52  # cosine below which two names are two things
_SEMANTIC_LEAD = 0.1  # how much nearer than the next item
_SIZE = re.compile(  # as printed, and as the expansion of abbreviations spells it out
    rf"\b\d+([.,]\d+)?\s?(X\s?\d+\s?)?({UNIT_WORDS}|MG|CL|GL|S|CT|COUNT)?\b"
)


@dataclass(frozen=True)
class Catalog:
    """The caller's items, indexed once for all lines of a receipt."""

    items: tuple[CatalogItem, ...]
    expand: Callable[[str], str] = str
    """Spells receipt abbreviations out ("CHKN BRST"); the identity when there is none."""

    def match(self, name: str) -> Match | None:
        """The item that `name` is, or None when it is none or could be several."""
        if not name.strip():
            return None
        if found := self._exact.get(name.casefold().strip()):
            return Match(id=found, confidence=1.0, strategy="exact")
        plain = normalised(self.expand(name))
        if not plain:
            return None
        if found := self._normalised.get(plain):
            return Match(id=found, confidence=0.97, strategy="normalised")
        if found := self._synonyms.get(plain):
            return Match(id=found, confidence=0.95, strategy="synonym")
        return self._nearest(plain)

    def _nearest(self, plain: str) -> Match | None:
        keys = self._keys
        near = process.extract(
            plain, list(keys), scorer=fuzz.token_sort_ratio, score_cutoff=_FUZZY - _LEAD, limit=8
        )
        if not near or near[0][1] < _FUZZY:
            return None
        best = keys[near[0][0]]
        rival = next((score for key, score, _ in near if keys[key] != best), 0.0)
        if near[0][1] - rival < _LEAD:
            return None
        return Match(id=best, confidence=round(0.9 * near[0][1] / 100, 3), strategy="fuzzy")

    @cached_property
    def _exact(self) -> Mapping[str, str]:
        return _unambiguous((item.name.casefold().strip(), item.id) for item in self.items)

    @cached_property
    def _normalised(self) -> Mapping[str, str]:
        return _unambiguous((normalised(item.name), item.id) for item in self.items)

    @cached_property
    def _synonyms(self) -> Mapping[str, str]:
        return _unambiguous(
            (normalised(synonym), item.id) for item in self.items for synonym in item.synonyms
        )

    @cached_property
    def _keys(self) -> Mapping[str, str]:
        return {**self._synonyms, **self._normalised}


def matched(items: Iterable[LineItem], catalog: Catalog) -> tuple[LineItem, ...]:
    """The line items, each with its match where there is one."""
    return tuple(
        item.model_copy(update={"match": found})
        if (found := catalog.match(item.parsed_name))
        else item
        for item in items
    )


def normalised(name: str) -> str:
    """Lower case words in alphabetical order, without accents, sizes, signs and plural endings."""
    plain = unicodedata.normalize("NFKD", name.upper().replace("ß", "SS"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    without_size = _SIZE.sub(" ", plain)
    words = re.findall(r"[^\W_]+", without_size) or re.findall(r"[^\W_]+", plain)
    return " ".join(sorted(_singular(word) for word in words)).lower()


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("IES"):
        return word[:-3] + "Y"
    if len(word) > 4 and word.endswith(("OES", "SHES", "CHES", "XES")):
        return word[:-2]
    if len(word) > 3 and word.endswith("S") and not word.endswith(("SS", "US", "IS")):
        return word[:-1]
    return word


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keys that belong to one item alone."""
    ids: dict[str, set[str]] = {}
    for key, item in pairs:
        if key:
            ids.setdefault(key, set()).add(item)
    return {key: next(iter(found)) for key, found in ids.items() if len(found) == 1}


def nearest(names: Vectors, catalog: Vectors, ids: Sequence[str]) -> tuple[Match | None, ...]:
    """For each name the item it means, or None when it is none or could be several.

    `names` and `catalog` have shape (texts, dimension). `ids` has the item of each row of
    `catalog`; an item may have several rows (its synonyms).
    """
    cosines = names @ catalog.T
    owners = np.array(ids, dtype=object)
    found: list[Match | None] = []
    for row in cosines:
        best = int(row.argmax())
        others = row[owners != owners[best]]
        rival = float(others.max()) if others.size else -1.0
        if row[best] < _MIN_COSINE or row[best] - rival < _SEMANTIC_LEAD:
            found.append(None)
            continue
        confidence = round(min(1.0, float(row[best])), 3)
        found.append(Match(id=ids[best], confidence=confidence, strategy="semantic"))
    return tuple(found)
