"""An index of all names of the taxonomy, in all languages, in a few megabytes.

Names are looked up folded, by a 64-bit hash: sorted arrays instead of dictionaries of 100 000
strings, which a process would take half a second and 30 MB to build.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.core.array_store import Arrays, load_arrays, save_arrays
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.text.folding import fold
from sidecar.text.taxonomy import (
    LanguageNames,
    Taxonomy,
    label_key,
    language_codes,
    languages,
    names_digest,
    taxonomy,
)

_VERSION: Final = 2
#: As people without the keys, and tills, write letters of some languages.
_SPELLED_OUT: Final = {
    language: str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
    for language in ("de", "sv", "fi", "da", "nb")
}


@dataclass(frozen=True, slots=True)
class _Table:
    """Entries of key, meaning and language, sorted by key."""

    keys: NDArray[np.uint64]
    meanings: NDArray[np.uint8]
    languages: NDArray[np.uint8]

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the meaning and the language of each entry of the text."""
        key = _hash(text)
        at = int(np.searchsorted(self.keys, key))
        while at < len(self.keys) and self.keys[at] == key:
            yield int(self.meanings[at]), int(self.languages[at])
            at += 1


class Lexicon:
    """Product names and labels of all languages. Thread-safe."""

    def __init__(self, arrays: Arrays, names: Sequence[str]) -> None:
        """`names` are `Taxonomy.names`; `arrays` are what `compile_lexicon` made."""
        self._products = _table(arrays, "products")
        self._labels = _table(arrays, "labels")
        self._words = _table(arrays, "words")
        self._names = names
        self._codes = sorted(language_codes())

    def product(self, name: str, language: str | None = None) -> Mapping[str, float]:
        """Return the sub-categories that list `name`, with weights that sum to 1; may be empty.

        Of a name that several languages have, `language`'s sub-category is the only one.
        """
        return self._find(self._products, fold(name), language)

    def label(self, label: str, language: str | None = None) -> str | None:
        """Return what `label` names most often: a category, a sub-category, CATCH_ALL, or None."""
        found = self._find(self._labels, label_key(label), language)
        return max(found, key=lambda name: found[name]) if found else None

    def languages_of(self, word: str) -> frozenset[int]:
        """Return the languages, numbered, that have products with this word of a `label_key`."""
        return frozenset(language for _, language in self._words.find(word))

    def _find(self, table: _Table, key: str, language: str | None) -> Mapping[str, float]:
        found = [(self._names[name], self._codes[code]) for name, code in table.find(key)]
        own = [pair for pair in found if pair[1] == language] or found
        counts: dict[str, float] = defaultdict(float)
        for name, _ in own:
            counts[name] += 1 / len(own)
        return counts


def compile_lexicon(taxonomy: Taxonomy, languages: Mapping[str, LanguageNames]) -> Arrays:
    """Return the arrays of a Lexicon."""
    number = {name: index for index, name in enumerate(taxonomy.names)}
    products: set[tuple[int, int, int]] = set()
    labels: set[tuple[int, int, int]] = set()
    known: set[tuple[int, int, int]] = set()
    for code, (language, names) in enumerate(sorted(languages.items())):
        for name, listed in names.products.items():
            for product in listed:
                known |= {(_hash(word), 0, code) for word in label_key(product).split()}
                for spelling in _spellings(product, language):
                    products.add((_hash(fold(spelling)), number[name], code))
        own = {name: [name, *names.labels.get(name, ())] for name in number}
        for name, aliases in (own if language == "en" else names.labels).items():
            for alias in aliases:
                for spelling in _spellings(alias, language):
                    labels.add((_hash(label_key(spelling)), number[name], code))
    return {
        **_arrays("products", products),
        **_arrays("labels", labels),
        **_arrays("words", known),
    }


@cache
def lexicon(*folders: Path) -> Lexicon:
    """Return the packaged lexicon, from the installation, one of `folders`, or made now."""
    name = f"lexicon-{_VERSION}-{names_digest()}"
    arrays = load_arrays(name, (INSTALL_DIR, *folders))
    if arrays is None:
        arrays = compile_lexicon(taxonomy(), languages())
        save_arrays(name, (INSTALL_DIR, *folders), arrays)
    return Lexicon(arrays, taxonomy().names)


def _spellings(name: str, language: str) -> Iterable[str]:
    return {name, name.lower().translate(_SPELLED_OUT.get(language, {}))}


def _arrays(table: str, entries: Iterable[tuple[int, int, int]]) -> Arrays:
    keys, meanings, codes = zip(*sorted(entries), strict=True)
    return {
        f"{table}.keys": np.array(keys, dtype=np.uint64),
        f"{table}.meanings": np.array(meanings, dtype=np.uint8),
        f"{table}.languages": np.array(codes, dtype=np.uint8),
    }


def _table(arrays: Arrays, table: str) -> _Table:
    return _Table(*(arrays[f"{table}.{column}"] for column in ("keys", "meanings", "languages")))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
