"""Whatever is printed: reading it never fails, and money stays decimal."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.models import Money
from tests.unit.sidecar.receipts.printed import read

#: Words that mean something to the reader, between amounts that nearly do.
WORDS = st.sampled_from(
    [
        "TOTAL",
        "SUBTOTAL",
        "TAX",
        "GST",
        "VAT",
        "CASH",
        "CHANGE",
        "ROUNDING",
        "DISCOUNT",
        "VOID",
        "QTY",
        "x",
        "@",
        "2",
        "0.5",
        "kg",
        "/kg",
        "$",
        "£",
        "€",
        "RM",
        "-1.00",
        "1.99",
        "1,99",
        "1.234,56",
        "9999999.99",
        "0.00",
        ".50",
        "12/31/2026",
        "31.12.26",
        "2026-02-30",
        "MILK",
        "ÄPFEL",
        "牛乳",
        "%",
        "*",
        "(",
    ]
)
LINES = st.lists(
    st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=8).map("   ".join), max_size=25
).map("\n".join)


@given(LINES)
def test_no_text_breaks_the_reader_and_every_amount_is_decimal(text: str) -> None:
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


@given(LINES)
def test_the_same_text_is_read_the_same_way(text: str) -> None:
    assert read(text) == read(text)
