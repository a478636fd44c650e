"""Receipts of many countries' tills, read as a person reads them.

Each file of tills/ and tills_apart/ is a receipt of an invented shop and, below =====, the date,
the time, the total with its currency, and each item as its name, quantity and unit, price, and
discount.
The model learns from tills/, never from tills_apart/.
"""

import functools
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.models import Extraction
from tests.unit.sidecar.receipts.printed import digits_of, printed_digits, read

HERE = Path(__file__).parent
FOLDERS = ("tills", "tills_apart")
BY_PRICE = {"tills": 0.93, "tills_apart": 0.85}
BY_NAME_AND_PRICE = {"tills": 0.80, "tills_apart": 0.65}

FILES = [file for folder in FOLDERS for file in sorted((HERE / folder).glob("*.txt"))]


@dataclass(frozen=True)
class Item:
    name: str
    price: Decimal
    discount: Decimal


@dataclass(frozen=True)
class Till:
    """A receipt with what a person reads there."""

    printed: str
    date: str
    total: Decimal
    currency: str | None
    items: tuple[Item, ...]


def till(file: Path) -> Till:
    printed, read_by_person = file.read_text("utf-8").split("\n=====\n")
    fields, items = {}, []
    for line in read_by_person.strip().splitlines():
        if "|" in line:
            name, _, price, *off = (part.strip() for part in line.split("|"))
            items.append(Item(name, Decimal(price), -Decimal(off[0]) if off else Decimal(0)))
        else:
            label, *values = line.split()
            fields[label] = values
    total, currency = fields["total"]
    known = None if currency == "None" else currency
    return Till(printed, fields["date"][0], Decimal(total), known, tuple(items))


@functools.cache
def reading(file: Path) -> Extraction:
    return read(till(file).printed)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_total_date_and_currency_are_read_as_printed(file: Path) -> None:
    extraction, person = reading(file), till(file)
    assert extraction.total is not None
    assert extraction.date is not None
    assert (extraction.total.amount, extraction.date.value, extraction.currency) == (
        person.total,
        person.date,
        person.currency,
    )


def f1(files: list[Path], key: Callable[[str, Decimal], Hashable]) -> float:
    """Return the F1 of all items of the files, each item compared by its key."""
    right = read_items = printed_items = 0
    for file in files:
        ours = Counter(
            key(item.parsed_name, item.total_price.amount) for item in reading(file).line_items
        )
        persons = Counter(key(item.name, item.price) for item in till(file).items)
        right += (ours & persons).total()
        read_items += ours.total()
        printed_items += persons.total()
    return 2 * right / (read_items + printed_items)


@pytest.mark.parametrize("folder", FOLDERS)
def test_most_items_are_read_with_their_price(folder: str) -> None:
    files = [file for file in FILES if file.parent.name == folder]
    assert f1(files, lambda name, price: price) >= BY_PRICE[folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_most_items_are_read_with_their_name_and_price(folder: str) -> None:
    files = [file for file in FILES if file.parent.name == folder]
    assert f1(files, lambda name, price: (fold(name), price)) >= BY_NAME_AND_PRICE[folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_items_that_are_said_to_match_the_total_have_the_printed_prices(folder: str) -> None:
    wrong = [
        file.stem
        for file in FILES
        if file.parent.name == folder
        and reading(file).checks.matches_total
        and sorted(item.total_price.amount for item in reading(file).line_items)
        != sorted(item.price for item in till(file).items)
    ]
    matching = [file for file in FILES if reading(file).checks.matches_total]
    assert len(wrong) <= 0.05 * len(matching), wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_a_person_reads_is_printed(file: Path) -> None:
    person = till(file)
    printed = printed_digits(person.printed)
    assert digits_of(person.total) in printed
    for item in person.items:
        assert digits_of(item.price) in printed
        words = [fold(word) for word in item.name.split()]
        assert all(word in fold(person.printed) for word in words), item.name
