"""What the name model learns from: the taxonomy's names, and names of USDA FoodData Central.

A listed name belongs to one sub-category. A USDA name belongs to one of several: its category there
is coarser or cut otherwise (data/usda_categories.toml).
"""

import csv
import random
import string
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from sidecar.text.folding import fold
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import languages, taxonomy

_USDA_PER_CATEGORY: Final = 2_000
_NAME_CHARACTERS: Final = range(3, 121)
_SIZES: Final = (
    "500g",
    "500 g",
    "1kg",
    "1 l",
    "1L",
    "0,5l",
    "250 ml",
    "x6",
    "6x",
    "2 st",
    "12 oz",
    "1 шт",
    "3,5%",
    "bio",
)


@dataclass(frozen=True, slots=True)
class NameExample:
    name: str
    subcategories: tuple[int, ...]
    """Indices of those that it may belong to; none: nothing that is sold here."""
    language: str
    """ISO 639-1 code of a listed name, "" otherwise."""


def listed() -> list[NameExample]:
    """Return every language's products and names of sub-categories."""
    number = {sub.name: index for index, sub in enumerate(taxonomy().subcategories)}
    examples = []
    for code, names in languages().items():
        for sub, index in number.items():
            own = [*names.products.get(sub, ()), *names.labels.get(sub, ())]
            own += [sub] if code == "en" else []
            examples += [NameExample(name, (index,), code) for name in dict.fromkeys(own)]
    return examples


def usda(path: Path, seed: int = 0) -> list[NameExample]:
    """Return names of a table with the columns foodName and food_category."""
    csv.field_size_limit(sys.maxsize)
    number = {sub.name: index for index, sub in enumerate(taxonomy().subcategories)}
    data = files(__package__).joinpath("data/usda_categories.toml").read_text(encoding="utf-8")
    meant = {
        category: tuple(number[sub] for sub in subs)
        for category, subs in tomllib.loads(data).items()
    }
    names: dict[str, set[str]] = defaultdict(set)
    with path.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if row["food_category"] in meant and len(row["foodName"]) in _NAME_CHARACTERS:
                names[row["food_category"]].add(row["foodName"])
    chance = random.Random(seed)
    return [
        NameExample(product_key(name), meant[category], "")
        for category in sorted(names)
        for name in _sample(sorted(names[category]), _USDA_PER_CATEGORY, chance)
    ]


def nonsense(count: int, seed: int = 0) -> Iterator[NameExample]:
    """Yield made-up words, which belong nowhere."""
    chance = random.Random(seed)
    alphabets = (
        string.ascii_lowercase,
        string.ascii_lowercase,
        "абвгдежзиклмнопрстуфхцчшыюя",
        "αβγδεζηθικλμνξοπρστυφχψω",
    )
    for _ in range(count):
        alphabet = chance.choice(alphabets)
        made = (
            "".join(chance.choices(alphabet, k=chance.randint(2, 10)))
            for _ in range(chance.randint(1, 3))
        )
        yield NameExample(" ".join(made), (), "")


class Spellings:
    """Other spellings of listed names, as tills and people in a hurry write them."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._abbreviations = {
            code: {fold(word): tuple(short) for word, short in names.abbreviations.items()}
            for code, names in languages().items()
        }

    def vary(self, name: str, language: str) -> str:
        """Return the name, in half of all cases as it is."""
        chance = self._chance
        if chance.random() < 0.5:
            return name
        words = fold(name).split()
        known: Mapping[str, Sequence[str]] = self._abbreviations.get(language, {})
        words = [
            chance.choice(known[word])
            if word in known
            else self._shortened(word)
            if chance.random() < 0.15
            else word
            for word in words
        ]
        if chance.random() < 0.3:
            words.insert(chance.choice((0, len(words))), chance.choice(_SIZES))
        return " ".join(words)

    def _shortened(self, word: str) -> str:
        chance = self._chance
        if len(word) < 6 or not word.isalpha():
            return word
        kind = chance.random()
        if kind < 0.4:
            return word[: chance.randint(4, len(word) - 1)]
        if kind < 0.6:
            return word[0] + "".join(letter for letter in word[1:] if letter not in "aeiouy")
        at = chance.randrange(1, len(word) - 1)
        if kind < 0.8:
            return word[:at] + word[at + 1 :]
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _sample(names: Sequence[str], count: int, chance: random.Random) -> Sequence[str]:
    return chance.sample(names, min(count, len(names)))
