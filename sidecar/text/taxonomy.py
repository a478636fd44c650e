"""The grocery taxonomy, and its names in each language.

data/taxonomy.toml has the sub-categories and the wider categories that they belong to;
data/languages/ has a file a language with names of both and with products as shoppers and tills
write them, data/more_names.toml a few products in more languages. All are the project's own. The
files take a second to read, so the service reads the index that is made of them (lexicon.py).
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from sidecar.text.folding import fold

CATCH_ALL: Final = "other"
_LANGUAGES: Final = "data/languages"
_MORE_NAMES: Final = "data/more_names.toml"

_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Subcategory:
    """Related products; `within` has the wider categories that include them, narrowest first."""

    name: str
    within: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    subcategories: tuple[Subcategory, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """The wider categories, sorted."""
        return tuple(sorted({wider for sub in self.subcategories for wider in sub.within}))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a label can name: sub-categories, wider categories, CATCH_ALL."""
        subcategories = [sub.name for sub in self.subcategories]
        return tuple(dict.fromkeys([*subcategories, *self.categories, CATCH_ALL]))


@dataclass(frozen=True, slots=True)
class LanguageNames:
    """One language's names, as written."""

    labels: Mapping[str, Sequence[str]]
    """A category, sub-category or CATCH_ALL to its names."""
    products: Mapping[str, Sequence[str]]
    """A sub-category to its products."""
    abbreviations: Mapping[str, Sequence[str]]
    """Words to their abbreviations on receipts."""


def label_key(label: str) -> str:
    """Return the label without case, accents, punctuation, "and" and English plural endings."""
    return " ".join(_singular(word) for word in _WORD.findall(fold(label)) if word != "and")


@cache
def taxonomy() -> Taxonomy:
    """Return the packaged taxonomy."""
    return Taxonomy(
        tuple(
            Subcategory(name, tuple(entry["within"]))
            for name, entry in _toml("data/taxonomy.toml").items()
        )
    )


@cache
def languages() -> Mapping[str, LanguageNames]:
    """Return the names of each language, by ISO 639-1 code.

    Raises ValueError when a file names something that the taxonomy lacks.
    """
    folder = files(__package__).joinpath(_LANGUAGES)
    codes = sorted(file.name.removesuffix(".toml") for file in folder.iterdir())
    return MappingProxyType({code: _language(code) for code in codes})


@cache
def more_names() -> Mapping[str, LanguageNames]:
    """Return products of languages without a file of their own, by ISO 639-1 code.

    Raises ValueError when a sub-category is one that the taxonomy lacks.
    """
    found = {}
    for code, entry in _toml(_MORE_NAMES).items():
        if unknown := entry.keys() - {*taxonomy().names}:
            raise ValueError(f"{code} names {sorted(unknown)}, which taxonomy.toml lacks")
        products = {name: tuple(_listed(text)) for name, text in entry.items()}
        found[code] = LanguageNames({}, products, {})
    return MappingProxyType(found)


def language_codes() -> frozenset[str]:
    """Return the codes of the languages that have a file of names."""
    folder = files(__package__).joinpath(_LANGUAGES)
    return frozenset(file.name.removesuffix(".toml") for file in folder.iterdir())


def names_digest() -> str:
    """Return a hash of the files of the taxonomy, the languages and their inflections."""
    folder = files(__package__).joinpath("data")
    digest = hashlib.sha256(folder.joinpath("taxonomy.toml").read_bytes())
    digest.update(folder.joinpath("inflections.toml").read_bytes())
    digest.update(folder.joinpath("more_names.toml").read_bytes())
    for file in sorted(folder.joinpath("languages").iterdir(), key=lambda file: file.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _language(code: str) -> LanguageNames:
    entry = _toml(f"{_LANGUAGES}/{code}.toml")
    products = {name: tuple(_listed(text)) for name, text in entry["products"].items()}
    unknown = {*entry["labels"], *products} - {*taxonomy().names}
    if unknown:
        raise ValueError(f"{code}.toml names {sorted(unknown)}, which taxonomy.toml lacks")
    return LanguageNames(entry["labels"], products, entry.get("abbreviations", {}))


def _listed(text: str) -> list[str]:
    return [name for item in text.split(",") if (name := " ".join(item.split()))]


def _toml(path: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(path).read_text(encoding="utf-8"))


def _singular(word: str) -> str:
    """Return a stem that a word shares with its English plural: cooky, berry, tomato."""
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("s")[:-2] + "y"
    if len(word) > 4 and word.endswith(("oes", "ches", "shes", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
