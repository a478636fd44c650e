"""The grocery taxonomy: products, categories, and other names that callers use for categories.

Read from data/taxonomy.toml and data/labels.toml, which are the project's own and describe their
layout.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

CATCH_ALL: Final = "other"

_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Subcategory:
    """Related products, and the wider categories that include them, narrowest first."""

    name: str
    within: tuple[str, ...]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All sub-categories, and the categories by the labels that name them."""

    subcategories: tuple[Subcategory, ...]
    by_label: Mapping[str, str]
    """A label's key (`label_key`) to the category, sub-category or CATCH_ALL that it names."""

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted({wider for sub in self.subcategories for wider in sub.within}))

    def category_of(self, label: str) -> str | None:
        """Return the category that `label` names, None for an unknown label."""
        return self.by_label.get(label_key(label))


def label_key(label: str) -> str:
    """Return the label without case, punctuation, "and" and plural endings."""
    words = [word for word in _WORD.findall(label.lower()) if word != "and"]
    return " ".join(_singular(word) for word in words)


@cache
def taxonomy() -> Taxonomy:
    """Return the packaged taxonomy. Raises ValueError when a label names two categories."""
    subcategories = tuple(
        Subcategory(
            name,
            tuple(entry["within"]),
            tuple(product.strip() for product in entry["products"].split(",")),
        )
        for name, entry in _toml("taxonomy").items()
    )
    categories = {wider for sub in subcategories for wider in sub.within}
    by_label: dict[str, str] = {label_key(name): name for name in categories}
    known = categories | {sub.name for sub in subcategories} | {CATCH_ALL}
    for category, aliases in _toml("labels").items():
        if category not in known:
            raise ValueError(f"labels.toml names {category!r}, which taxonomy.toml lacks")
        for alias in (category, *aliases):
            if by_label.setdefault(label_key(alias), category) != category:
                raise ValueError(f"{alias!r} names {by_label[label_key(alias)]!r} and {category!r}")
    for sub in subcategories:
        by_label.setdefault(label_key(sub.name), sub.name)
    return Taxonomy(subcategories, MappingProxyType(by_label))


@cache
def vocabulary() -> frozenset[str]:
    """Return every word of the taxonomy's products, normalized by `label_key`."""
    products = (product for sub in taxonomy().subcategories for product in sub.products)
    return frozenset(word for product in products for word in label_key(product).split())


def _toml(name: str) -> dict[str, Any]:
    data = files(__package__).joinpath(f"data/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(data)


def _singular(word: str) -> str:
    """Return a stem that a word shares with its English plural: cooky, berry, tomato."""
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("s")[:-2] + "y"
    if len(word) > 4 and word.endswith(("oes", "ches", "shes", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
