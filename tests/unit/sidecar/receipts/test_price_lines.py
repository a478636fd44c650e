"""Lines with a quantity and its price, as tills print them and as they are misread."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.receipts.items.price_lines import price_line_from


@pytest.mark.parametrize(
    ("text", "total", "quantity", "unit", "price"),
    [
        ("2.11 lb @ 1 lb /.59", "1.24", "2.11", "lb", "0.59"),
        ("2.11 1b @ 1 1b / .59", "1.24", "2.11", "lb", "0.59"),  # "lb" misread
        ("4 qty @ 4 / 5.00", "5.00", "4", None, "1.25"),
        ("1 qty @ 2 / 4.00", "2.00", "1", None, "2"),
        ("2 qty 1.79 EACH", "3.58", "2", None, "1.79"),
        ("2x 0,75", "1.50", "2", None, "0.75"),
        ("4 KPL 2,99 €/KPL", "11.96", "4", "piece", "2.99"),
        ("0,482 kg x 3,99 EUR/kg", "1.92", "0.482", "kg", "3.99"),
    ],
)
def test_a_quantity_is_proved_by_the_total_of_its_item(
    text: str, total: str, quantity: str, unit: str | None, price: str
) -> None:
    line = price_line_from(text)
    assert line is not None
    assert line.total is None
    proved = line.quantity_for(Decimal(total))
    assert proved is not None
    assert (proved.quantity, proved.unit) == (Decimal(quantity), unit)
    assert proved.unit_price is not None
    assert proved.unit_price == Decimal(price)
    assert line.quantity_for(Decimal(total) + 1) is None


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("3 @ 1.25 3.75 F", "3.75"),
        ("2.36 lb @ 0.59 /lb 1.39 F", "1.39"),
        ("1.000 STK 20.99 19", "20.99"),  # 19 is the tax
        ("@ $1.99 ea $5.97", "5.97"),
        ("4 x 1,05 4,20 1", "4.20"),
    ],
)
def test_the_total_may_be_at_the_end_of_the_line(text: str, total: str) -> None:
    line = price_line_from(text)
    assert line is not None
    assert line.total == Decimal(total)


@pytest.mark.parametrize(
    "text",
    [
        "ORGANIC MILK 2 @ 1.25",
        "2 FOR £2 -£1.00",
        "0000212785 / 512515 2.00-",
        "1 5.99 5.99",
        "12/03/2024",
        "TOTAL 5.00",
    ],
)
def test_other_lines_are_rejected(text: str) -> None:
    assert price_line_from(text) is None


@given(
    st.text(alphabet="0123456789.,@x*/ lbkgEAQTY£$€-\t", max_size=40),
    st.decimals(0, 9999, places=2),
)
@example("0.00 kg @ 0.00", Decimal("0.00"))
def test_any_text_is_accepted_and_no_quantity_is_zero(text: str, total: Decimal) -> None:
    line = price_line_from(text)
    if line is not None:
        proved = line.quantity_for(total)
        assert proved is None or proved.quantity > 0
