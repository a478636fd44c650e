"""What the network is trained on: labels of tokens, made-up receipts and varied ones."""

import random
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.tokens import tokenize
from sidecar.receipts.text_rows import rows_from_text
from sidecar.receipts.training.compose import compose
from sidecar.receipts.training.cut import without_header
from sidecar.receipts.training.examples import Example, from_tills
from sidecar.receipts.training.labels import IGNORED, Labels, labels_of
from sidecar.receipts.training.vary import names_of, vary
from tests.unit.sidecar.receipts.annotated import tokenized
from tests.unit.sidecar.receipts.printed import comes_to, digits_of, printed_digits

NAMES = ("OAT MILK", "Rye bread", "TOOTHPASTE", "Äpfel", "SOAP BAR")
SHOPS, PLACES = ("Corner Shop", "Blue Hen"), ("12 Main Road", "Springfield")

TEXT = """
CORNER SHOP LTD
12 Main Road
OAT MILK 1L                3.00
   Coupon                 -1.00
TOOTHPASTE
   2 x 2.25                4.50
DEPOSIT                    0.25
SUBTOTAL                   6.75
VAT 20%                    1.35
TOTAL                      8.10
CASH                      10.00
CHANGE                     1.90
"""
TRUTH = {
    "merchant": "Corner Shop Ltd",
    "total": "8.10",
    "items": [
        {"name": "OAT MILK 1L", "quantity": "1", "total_price": "3.00"},
        {"name": "TOOTHPASTE", "quantity": "2", "total_price": "4.50"},
        {"name": "DEPOSIT", "quantity": "1", "total_price": "0.25"},
    ],
}


def role_at(text: str, labels: Labels, printed: str) -> set[int]:
    """Return the roles of the tokens that are printed like that."""
    return {
        labels.roles[row][place]
        for row, line in enumerate(tokenized(text).lines)
        for place, token in enumerate(line)
        if token.text == printed
    }


def test_each_token_of_a_receipt_gets_its_role() -> None:
    labels = labels_of(tokenized(TEXT), TRUTH)
    expected = {
        "OAT": Role.NAME, "TOOTHPASTE": Role.NAME, "3.00": Role.ITEM, "4.50": Role.ITEM,
        "0.25": Role.ITEM, "1.00": Role.DISCOUNT, "2": Role.QUANTITY, "2.25": Role.UNIT_PRICE,
        "6.75": Role.SUBTOTAL, "1.35": Role.TAX, "8.10": Role.TOTAL, "10.00": Role.PAID,
        "1.90": Role.CHANGE, "12": Role.OTHER, "Coupon": Role.OTHER, "20": Role.OTHER,
    }  # fmt: skip
    assert {printed: role_at(TEXT, labels, printed) for printed in expected} == {
        printed: {role} for printed, role in expected.items()
    }


def test_each_line_of_a_receipt_gets_its_class() -> None:
    labels = labels_of(tokenized(TEXT), TRUTH)
    assert [LineClass(kind).name for kind in labels.lines[:7]] == [
        "MERCHANT",
        "NONE",
        "ITEM",
        "NONE",
        "NAME_ABOVE",
        "ITEM",
        "ITEM",
    ]
    assert set(labels.lines[7:]) == {LineClass.NONE}


def test_what_the_truth_does_not_say_is_not_learned() -> None:
    labels = labels_of(tokenized(TEXT), {"total": "8.10", "merchant": "Corner Shop Ltd"})
    assert role_at(TEXT, labels, "OAT") == {IGNORED}
    assert role_at(TEXT, labels, "8.10") == {Role.TOTAL}


def test_an_item_that_the_receipt_does_not_show_gets_no_label() -> None:
    truth = {**TRUTH, "items": [{"name": "CAVIAR", "quantity": "1", "total_price": "99.00"}]}
    labels = labels_of(tokenized(TEXT), truth)
    assert Role.ITEM not in {role for line in labels.roles for role in line}


@pytest.mark.parametrize("folder", ["tills", "tills_apart"])
def test_every_item_of_the_tills_is_found_where_it_is_printed(folder: str) -> None:
    missing = []
    for example in from_tills(Path(__file__).parent / folder):
        labels = labels_of(tokenize(example.rows), example.truth)
        found = sum(role == Role.ITEM for line in labels.roles for role in line)
        total = any(role == Role.TOTAL for line in labels.roles for role in line)
        if found != len(example.truth["items"]) or not total:
            missing.append((example.truth["id"], found, len(example.truth["items"]), total))
    assert missing == []


SEEDS = st.integers(0, 10**9)


def composed(seed: int) -> dict[str, Any]:
    return compose(random.Random(seed), NAMES, SHOPS, PLACES)


@given(SEEDS)
def test_a_made_up_receipt_is_the_same_for_a_seed(seed: int) -> None:
    assert composed(seed) == composed(seed)


@settings(max_examples=200)
@given(SEEDS)
def test_a_made_up_receipt_shows_its_truth_and_adds_up(seed: int) -> None:
    made = composed(seed)
    assert_shown(made)
    values = [t.value for line in tokenized(made["text"]).lines for t in line if t.value]
    total = Decimal(made["total"])
    assume(total.as_tuple().exponent != -3)  # 2.107 may be read as 2107
    items = sum(Decimal(item["total_price"]) for item in made["items"])
    # A service charge, tax and two discounts.
    assert comes_to(total - items, [value for value in values if abs(value) <= total], others=4)


def assert_shown(truth: Mapping[str, Any]) -> None:
    """Assert that the text shows the total and each item's price."""
    printed = printed_digits(truth["text"])
    assert digits_of(Decimal(truth["total"])) in printed
    for item in truth["items"]:
        assert digits_of(Decimal(item["total_price"])) in printed, item


@settings(max_examples=200)
@given(SEEDS)
def test_a_varied_receipt_shows_its_truth(seed: int) -> None:
    varied = vary(random.Random(seed), TEXT, TRUTH)
    if varied is None:  # three decimals
        return
    assert_shown(varied)
    factor = Decimal(varied["total"]) / Decimal(TRUTH["total"])  # type: ignore[arg-type]
    assert factor in (1, 100)
    assert [item["name"] for item in varied["items"]] == ["OAT MILK 1L", "TOOTHPASTE", "DEPOSIT"]
    prices = [Decimal(item["total_price"]) / factor for item in varied["items"]]
    assert prices == [Decimal("3.00"), Decimal("4.50"), Decimal("0.25")]
    assert len(varied["text"].splitlines()) == len(TEXT.splitlines())


@given(SEEDS)
def test_a_varied_made_up_receipt_has_its_labels_where_they_are_printed(seed: int) -> None:
    made = composed(seed)
    varied = vary(random.Random(seed), made["text"], made)
    if varied is not None:
        assert len(varied["items"]) == len(made["items"])
        assert varied["merchant"] == made["merchant"]


def test_the_truth_of_a_till_is_what_stands_below_its_line(tmp_path: Path) -> None:
    file = tmp_path / "xx_01.txt"
    file.write_text(
        "SHOP\nMILK 2.00\nTOTAL 2.00\n=====\n"
        "date 2024-01-02\nno time\ntotal 2.00 USD\nMILK | 2 l | 2.00 | -0.50\n"
    )
    (example,) = from_tills(tmp_path)
    assert example.truth["total"] == "2.00"
    assert example.truth["items"] == [{"name": "MILK", "quantity": "2", "total_price": "2.00"}]
    assert re.fullmatch(r"SHOP\nMILK 2.00\nTOTAL 2.00", example.text)


@given(SEEDS)
def test_a_receipt_without_its_header_does_not_name_its_shop(seed: int) -> None:
    example = Example(rows_from_text(TEXT), TRUTH)
    cut = without_header(random.Random(seed), example)
    assert cut is not None
    assert cut.truth["merchant"] == ""
    assert "CORNER SHOP" not in cut.text
    assert cut.text.endswith(TEXT.strip().splitlines()[-1].strip()[-4:])
    assert "OAT MILK 1L" in cut.text


def test_a_receipt_that_names_its_shop_at_its_end_keeps_its_header() -> None:
    example = Example(rows_from_text(TEXT + "Thank you for visiting Corner Shop Ltd"), TRUTH)
    assert without_header(random.Random(1), example) is None


def test_names_to_compose_of_are_those_of_all_items() -> None:
    assert names_of([TRUTH, {"items": [{"name": "X"}, {"name": "DEPOSIT"}]}, {}]) == [
        "DEPOSIT",
        "OAT MILK 1L",
        "TOOTHPASTE",
    ]
