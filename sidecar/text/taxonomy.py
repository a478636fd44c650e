"""What grocery shops sell, and under which names callers may know it.

Reads data/taxonomy.toml and data/labels.toml, the project's own; each says how it is laid out.
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
    """An aisle's worth of products and the wider categories it is part of, narrowest first."""

    name: str
    within: tuple[str, ...]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    subcategories: tuple[Subcategory, ...]
    meanings: Mapping[str, str]
    """A label's key (`label_key`) to the category, sub-category or CATCH_ALL that it names."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The wider categories, sorted."""
        return tuple(sorted({wider for sub in self.subcategories for wider in sub.within}))

    def meaning(self, label: str) -> str | None:
        """The category that `label` is another name of; None for a label it doesn't know."""
        return self.meanings.get(label_key(label))


def label_key(label: str) -> str:
    """A label without case, punctuation, "and" and plural endings."""
    words = [word for word in _WORD.findall(label.lower()) if word != "and"]
    return " ".join(_singular(word) for word in words)


@cache
def taxonomy() -> Taxonomy:
    """The packaged taxonomy, read once. ValueError when a name means two things."""
    subcategories = tuple(
        Subcategory(
            name,
            tuple(entry["within"]),
            tuple(product.strip() for product in entry["products"].split(",")),
        )
        for name, entry in _toml("taxonomy").items()
    )
    categories = {wider for sub in subcategories for wider in sub.within}
    names: dict[str, str] = {label_key(name): name for name in categories}
    known = categories | {sub.name for sub in subcategories} | {CATCH_ALL}
    for category, aliases in _toml("labels").items():
        if category not in known:
            raise ValueError(f"labels.toml names {category!r}, which taxonomy.toml does not have")
        for alias in (category, *aliases):
            if names.setdefault(label_key(alias), category) != category:
                raise ValueError(f"{alias!r} is {names[label_key(alias)]!r} and {category!r}")
    for sub in subcategories:
        names.setdefault(label_key(sub.name), sub.name)
    return Taxonomy(subcategories, MappingProxyType(names))


@cache
def vocabulary() -> frozenset[str]:
    """Every word of the taxonomy's products, as `label_key` writes it."""
    products = (product for sub in taxonomy().subcategories for product in sub.products)
    return frozenset(word for product in products for word in label_key(product).split())


def _toml(name: str) -> dict[str, Any]:
    data = files(__package__).joinpath(f"data/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(data)


def _singular(word: str) -> str:
    """A stem that a word shares with its English plural; "cookie" and "berry" both end in y."""
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("s")[:-2] + "y"
    if len(word) > 4 and word.endswith(("oes", "ches", "shes", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
