"""Matches line items to the caller's catalog, by words or by vectors.

exact: the same name; normalised: the same words without case, accents, sizes and order, in any
inflection of one language; synonym: one of the item's other names; fuzzy: nearly the same letters,
and clearly nearer than any other item. An ambiguous match is none.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from rapidfuzz import fuzz, process

from sidecar.embedding.cache import Vectors
from sidecar.receipts.fields.spelling import capitals
from sidecar.receipts.models import LineItem, Match
from sidecar.receipts.options import CatalogItem
from sidecar.receipts.units import UNIT_WORDS
from sidecar.text.lexicon import lexicon

_MIN_RATIO = 86.0  # token_sort_ratio, 0 to 100
_LEAD = 4.0  # how much nearer than the next item
# With grocery-e5-small, of 18 pairs of British and American names ("minced beef", "ground beef") these
# find 7 and mistake none; of names in German, French, Spanish and Polish 96 % of the matches with 60
# English names are right (docs/benchmarks/classification.md).
_MIN_COSINE = 0.5
_SEMANTIC_LEAD = 0.1
_SIZE = re.compile(  # as printed, and with abbreviations expanded
    rf"\b\d+([.,]\d+)?\s?(X\s?\d+\s?)?({UNIT_WORDS}|MG|CL|GL|S|CT|COUNT)?\b"
)


@dataclass(frozen=True)
class Catalog:
    """The caller's items, indexed once for all lines of a receipt."""

    items: tuple[CatalogItem, ...]
    expand: Callable[[str], str] = str
    """Expands receipt abbreviations ("CHKN BRST"); by default nothing."""

    def match(self, name: str) -> Match | None:
        """Return the item of that name, or None when it is none or ambiguous."""
        if not name.strip():
            return None
        if item := self._exact.get(name.casefold().strip()):
            return Match(id=item, confidence=1.0, strategy="exact")
        plain = normalize(self.expand(name))
        if not plain:
            return None
        if item := self._normalized.get(plain):
            return Match(id=item, confidence=0.97, strategy="normalised")
        if item := self._synonyms.get(plain):
            return Match(id=item, confidence=0.95, strategy="synonym")
        found = {item for form in _forms(self.expand(name)) if (item := self._inflected.get(form))}
        if len(found) == 1:
            return Match(id=found.pop(), confidence=0.93, strategy="normalised")
        return self._fuzzy(plain)

    def _fuzzy(self, plain: str) -> Match | None:
        keys = self._keys
        near = process.extract(
            plain,
            list(keys),
            scorer=fuzz.token_sort_ratio,
            score_cutoff=_MIN_RATIO - _LEAD,
            limit=8,
        )
        if not near or near[0][1] < _MIN_RATIO:
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
    def _normalized(self) -> Mapping[str, str]:
        return _unambiguous((normalize(item.name), item.id) for item in self.items)

    @cached_property
    def _synonyms(self) -> Mapping[str, str]:
        return _unambiguous(
            (normalize(synonym), item.id) for item in self.items for synonym in item.synonyms
        )

    @cached_property
    def _inflected(self) -> Mapping[str, str]:
        return _unambiguous(
            (form, item.id)
            for item in self.items
            for name in (item.name, *item.synonyms)
            for form in _forms(name)
        )

    @cached_property
    def _keys(self) -> Mapping[str, str]:
        return {**self._synonyms, **self._normalized}


def with_matches(items: Iterable[LineItem], catalog: Catalog) -> tuple[LineItem, ...]:
    """Return the line items, each with its match if it has one."""
    return tuple(
        item.model_copy(update={"match": match})
        if (match := catalog.match(item.parsed_name))
        else item
        for item in items
    )


def normalize(name: str) -> str:
    """Return sorted lower case words without accents, sizes, signs and English plural endings."""
    return " ".join(sorted(_singular(word) for word in _words(name))).lower()


@lru_cache(maxsize=16_384)  # a tenant's catalog comes with each of its receipts
def _forms(name: str) -> list[str]:
    """Return what the inflections of a name share, for each language that it may be in."""
    return lexicon().inflection_keys(" ".join(sorted(_words(name))).lower())


def _words(name: str) -> list[str]:
    plain = capitals(name)
    return re.findall(r"[^\W_]+", _SIZE.sub(" ", plain)) or re.findall(r"[^\W_]+", plain)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("IES"):
        return word[:-3] + "Y"
    if len(word) > 4 and word.endswith(("OES", "SHES", "CHES", "XES")):
        return word[:-2]
    if len(word) > 3 and word.endswith("S") and not word.endswith(("SS", "US", "IS")):
        return word[:-1]
    return word


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the keys that only one item has."""
    ids: dict[str, set[str]] = {}
    for key, item in pairs:
        if key:
            ids.setdefault(key, set()).add(item)
    return {key: next(iter(items)) for key, items in ids.items() if len(items) == 1}


def nearest(names: Vectors, catalog: Vectors, ids: Sequence[str]) -> tuple[Match | None, ...]:
    """Return each name's item by cosine similarity, or None when it is none or ambiguous.

    `names` and `catalog` have shape (texts, dimension). `ids` has the item of each row of
    `catalog`; an item may have several rows (its synonyms).
    """
    cosines = names @ catalog.T
    owners = np.array(ids, dtype=object)
    matches: list[Match | None] = []
    for row in cosines:
        best = int(row.argmax())
        others = row[owners != owners[best]]
        rival = float(others.max()) if others.size else -1.0
        if row[best] < _MIN_COSINE or row[best] - rival < _SEMANTIC_LEAD:
            matches.append(None)
            continue
        confidence = round(min(1.0, float(row[best])), 3)
        matches.append(Match(id=ids[best], confidence=confidence, strategy="semantic"))
    return tuple(matches)
