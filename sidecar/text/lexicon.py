"""An index of all names of the taxonomy, in all languages, in a few megabytes.

Names are looked up folded, by a 64-bit hash: sorted arrays instead of dictionaries of 100 000
strings, which a process would take half a second and 30 MB to build.
"""

import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.core.array_store import Arrays, load_arrays, save_arrays
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.text.folding import fold
from sidecar.text.inflection import stems
from sidecar.text.taxonomy import (
    LanguageNames,
    Taxonomy,
    label_key,
    language_codes,
    languages,
    more_names,
    names_digest,
    taxonomy,
)

_VERSION: Final = 3
_WORD: Final = re.compile(r"[^\W_]+")
_POSSESSIVE: Final = re.compile(r"['’](?=s\b)")  # baker's; Dutch plurals: avocado's
#: Words of a name whose forms are compared: longer texts are no products.
_MAX_INFLECTED_WORDS: Final = 8
_CACHED_WORDS: Final = 4_096
#: Meanings in the table of stems.
_STEM, _STEM_OF_DIFFERENT_PRODUCTS = 0, 1
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
        key = np.uint64(_hash(text))  # of another type, the whole array would be converted
        at = int(self.keys.searchsorted(key))
        while at < len(self.keys) and self.keys[at] == key:
            yield int(self.meanings[at]), int(self.languages[at])
            at += 1


@dataclass(frozen=True, slots=True)
class _Forms:
    """A word, and the numbered languages that have products with it."""

    word: str
    stems: Mapping[int, str]
    """Its stem in each language that knows it in some form."""
    known_in: frozenset[int]
    """The languages that know it in this form."""


class Lexicon:
    """Product names and labels of all languages. Thread-safe."""

    def __init__(self, arrays: Arrays, names: Sequence[str]) -> None:
        """`names` are `Taxonomy.names`; `arrays` are what `compile_lexicon` made."""
        self._products = _table(arrays, "products")
        self._labels = _table(arrays, "labels")
        self._words = _table(arrays, "words")
        self._stems = _table(arrays, "stems")
        differing = np.flatnonzero(self._stems.meanings == _STEM_OF_DIFFERENT_PRODUCTS)
        self._differing = frozenset(
            zip(
                self._stems.keys[differing].tolist(),
                self._stems.languages[differing].tolist(),
                strict=True,
            )
        )
        self._forms_of = lru_cache(_CACHED_WORDS)(self._forms)
        self._names = names
        self._codes = sorted(language_codes() | more_names().keys())
        self._more = more_names().keys()

    def product(self, name: str, language: str | None = None) -> Mapping[str, float]:
        """Return the sub-categories that list `name`, with weights that sum to 1; may be empty.

        Of a name that several languages have, `language`'s sub-category is the only one. A name of
        data/more_names.toml that is a form of another language's words (`bun`, of buns) counts in
        its own language alone.
        """
        found = self._products.find(fold(name))
        codes = {self._codes[code] for _, code in found}
        if codes and language not in codes and codes <= self._more and self._has_forms(name):
            return {}
        return self._find(self._products, fold(name), language)

    def subcategories_beyond(self, name: str, languages: Sequence[str]) -> frozenset[str]:
        """Return the sub-categories that list `name`, if no one of `languages` has it."""
        found = [(self._names[n], self._codes[c]) for n, c in self._products.find(fold(name))]
        if any(code in languages for _, code in found):
            return frozenset()
        return frozenset(subcategory for subcategory, _ in found)

    def label(self, label: str, language: str | None = None) -> str | None:
        """Return what `label` names most often: a category, a sub-category, CATCH_ALL, or None."""
        found = self._find(self._labels, label_key(label), language)
        return max(found, key=lambda name: found[name]) if found else None

    def languages_of(self, word: str) -> frozenset[int]:
        """Return the languages, numbered, that have products with this word of a `label_key`."""
        return frozenset(language for _, language in self._words.find(word))

    def inflection_keys(self, name: str, language: str | None = None) -> list[str]:
        """Return keys that the name shares with its other inflected forms, one a language.

        There is one of each language that has products with a word of the name, or of `language`
        alone if that is one, or else of those that know most words in this form; but none of a
        language in which the forms are different products.
        """
        words = _words(name)
        if len(words) > _MAX_INFLECTED_WORDS:
            return []
        forms = [self._forms_of(word) for word in words]
        codes = {code for form in forms for code in form.stems}
        own = [code for code in codes if self._codes[code] == language]
        if not own and len(codes) > 1:
            known = Counter(code for form in forms for code in form.known_in)
            most = max(known[code] for code in codes)
            own = [code for code in codes if known[code] == most]
        keys = (
            (code, " ".join(form.stems.get(code, form.word) for form in forms))
            for code in own or codes
        )
        return [
            f"{self._codes[code]} {key}"
            for code, key in keys
            if (_hash(key), code) not in self._differing
        ]

    def _has_forms(self, name: str) -> bool:
        """Return whether each word is a form of one that a language with inflections has."""
        return all(self._forms_of(word).stems for word in _words(name))

    def _forms(self, word: str) -> "_Forms":
        own = {
            code: stem
            for stem, in_languages in stems(word).items()
            for _, code in self._stems.find(stem)
            if self._codes[code] in in_languages
        }
        return _Forms(word, own, self.languages_of(label_key(word)) if own else frozenset())

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
    roots: set[tuple[int, int, int]] = set()
    for code, (language, names) in enumerate(sorted(languages.items())):
        for name, listed in names.products.items():
            for product in listed:
                known |= {(_hash(word), 0, code) for word in label_key(product).split()}
                for spelling in _spellings(product, language):
                    products.add((_hash(fold(spelling)), number[name], code))
        roots |= {(_hash(text), meaning, code) for text, meaning in _stems(language, names)}
        own = {name: [name, *names.labels.get(name, ())] for name in number}
        for name, aliases in (own if language == "en" else names.labels).items():
            for alias in aliases:
                for spelling in _spellings(alias, language):
                    labels.add((_hash(label_key(spelling)), number[name], code))
    return {
        **_arrays("products", products),
        **_arrays("labels", labels),
        **_arrays("words", known),
        **_arrays("stems", roots),
    }


@cache
def lexicon(*folders: Path) -> Lexicon:
    """Return the packaged lexicon, from the installation, one of `folders`, or made now."""
    name = f"lexicon-{_VERSION}-{names_digest()}"
    arrays = load_arrays(name, (INSTALL_DIR, *folders))
    if arrays is None:
        arrays = compile_lexicon(taxonomy(), {**languages(), **more_names()})
        save_arrays(name, (INSTALL_DIR, *folders), arrays)
    return Lexicon(arrays, taxonomy().names)


def _spellings(name: str, language: str) -> Iterable[str]:
    return {name, name.lower().translate(_SPELLED_OUT.get(language, {}))}


def _stems(language: str, names: LanguageNames) -> Iterator[tuple[str, int]]:
    """Yield the stems of the products' words, and what different products have as their stems."""
    forms: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for subcategory, products in names.products.items():
        for product in products:
            words = _words(product)
            own = [_stem(word, language) for word in words]
            yield from ((stem, _STEM) for word, stem in zip(words, own, strict=True) if stem)
            if all(own):
                forms[" ".join(own)][" ".join(words)].add(subcategory)
    for stem, subcategories in forms.items():
        pairs = itertools.combinations(subcategories.values(), 2)
        if any(first.isdisjoint(second) for first, second in pairs):
            yield stem, _STEM_OF_DIFFERENT_PRODUCTS


def _stem(word: str, language: str) -> str:
    """Return the word's stem; empty in a language without inflections."""
    return next((stem for stem, codes in stems(word).items() if language in codes), "")


def _words(name: str) -> list[str]:
    return _WORD.findall(_POSSESSIVE.sub("", fold(name)))


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
