"""What holds for every text: made-up receipts, some misread, random words, and very long ones."""

import json
import random
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.receipts.models import Extraction, Money
from sidecar.receipts.training.compose import compose
from tests.unit.sidecar.receipts.annotated import tokenized
from tests.unit.sidecar.receipts.printed import comes_to, digits_of, printed_digits, read


def test_a_long_receipt_is_read_to_its_end() -> None:
    lines = "\n".join(f"SOAP {n % 7}{n % 5}X       {n % 9 + 1}.{n % 80 + 10}" for n in range(260))
    total = sum(Decimal(line.split()[-1]) for line in lines.splitlines())
    receipt = read(f"CORNER SHOP\n{lines}\nTOTAL      {total}\nCARD      {total}")
    assert receipt.total is not None
    assert receipt.total.amount == total


@pytest.mark.parametrize("line", ["1" * 8000, "1.1" * 3000, "1 " + "234 " * 2000, "A" * 8000])
def test_the_time_for_a_line_grows_with_its_length_alone(line: str) -> None:
    started = time.process_time()
    read(f"CORNER SHOP\n{line}\nTOTAL 1.00")
    assert time.process_time() - started < 4


# Words with a meaning for the reader, among amounts and near-amounts.
WORDS = st.sampled_from(
    [
        "TOTAL", "SUBTOTAL", "TAX", "GST", "VAT", "CASH", "CHANGE", "ROUNDING", "DISCOUNT", "VOID",
        "QTY", "x", "@", "2", "0.5", "kg", "/kg", "$", "£", "€", "RM", "-1.00", "1.99", "1,99",
        "1.234,56", "9999999.99", "0.00", ".50", "12/31/2026", "31.12.26", "2026-02-30", "MILK",
        "ÄPFEL", "牛乳", "%", "*", "(",
    ]
)  # fmt: skip
LINES = st.lists(
    st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=8).map("   ".join), max_size=25
).map("\n".join)


@settings(max_examples=50)
@given(LINES)
def test_any_text_is_parsed_and_every_amount_is_decimal(text: str) -> None:
    receipt = read(text)
    amounts = [receipt.total, receipt.subtotal, receipt.tax]
    for item in receipt.line_items:
        amounts += [item.unit_price, item.total_price, item.discount]
        assert item.quantity > 0
    for money in amounts:
        assert money is None or isinstance(money, Money)
        assert money is None or isinstance(money.amount, Decimal)
    for form in (receipt.nested(), receipt.flat()):
        json.dumps(form, allow_nan=False)


@settings(max_examples=25)
@given(LINES)
def test_parsing_is_deterministic(text: str) -> None:
    assert read(text) == read(text)


GOODS = ("OAT MILK", "Rye bread", "TOOTHPASTE", "Äpfel rot", "SOAP BAR 3PK", "Brown rice 1KG")


@st.composite
def made_up(draw: st.DrawFn) -> str:
    """Draw a made-up receipt, in which one digit may have been misread."""
    seed = draw(st.integers(0, 10**9))
    text = str(compose(random.Random(seed), GOODS, ("Corner Shop",), ("12 Main Road",))["text"])
    digits = [place for place, char in enumerate(text) if char.isdigit()]
    place = draw(st.sampled_from([-1, *digits]))
    if place >= 0:
        text = text[:place] + draw(st.sampled_from("0123456789")) + text[place + 1 :]
    return text


def net_sum(receipt: Extraction) -> Decimal:
    return sum(
        (
            item.total_price.amount - (item.discount.amount if item.discount else 0)
            for item in receipt.line_items
        ),
        Decimal(0),
    )


@settings(max_examples=50)
@given(st.one_of(made_up(), LINES))
def test_what_is_said_to_match_the_total_adds_up(text: str) -> None:
    receipt = read(text)
    assert receipt.adds_up or not receipt.checks.matches_total
    if receipt.adds_up:
        assert receipt.total is not None
        assert receipt.line_items
        assert abs(net_sum(receipt) - receipt.checks.items_sum) <= Decimal("0.01")
        printed = [t.value for line in tokenized(text).lines for t in line if t.value]
        bound = max(abs(receipt.total.amount), abs(net_sum(receipt)))
        assert comes_to(
            receipt.total.amount - net_sum(receipt), [v for v in printed if abs(v) <= bound]
        )


@settings(max_examples=50)
@given(st.one_of(made_up(), LINES))
def test_no_amount_is_read_that_no_line_shows(text: str) -> None:
    receipt = read(text)
    printed = printed_digits(text)
    amounts = [item.total_price for item in receipt.line_items]
    amounts += [money for money in (receipt.total, receipt.subtotal) if money is not None]
    for money in amounts:
        assert digits_of(money.amount) in printed
