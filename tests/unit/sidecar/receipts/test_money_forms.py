"""The forms of money in flat answers, the price of one unit, and the default currency."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.models import Extraction, LineItem, Money, unit_amount
from sidecar.receipts.money_forms import with_default_currency, with_money


def money(amount: str, currency: str | None) -> Money:
    return Money(amount=Decimal(amount), currency=currency, confidence=0.9)


def flat(currency: str | None = "USD", total: str | None = "4.19") -> dict[str, Any]:
    bananas = LineItem(
        raw_text="BANANAS",
        parsed_name="BANANAS",
        quantity=Decimal("2.36"),
        unit="lb",
        unit_price=money("0.59", currency),
        total_price=money("1.39", currency),
        discount=money("0.20", currency),
        confidence=0.9,
    )
    milk = bananas.model_copy(
        update={"quantity": Decimal(2), "total_price": money("3.00", currency), "discount": None}
    )
    return Extraction(
        currency=currency,
        total=money(total, currency) if total else None,
        line_items=(bananas, milk),
    ).flat()


def prices(answer: Any) -> list[object]:
    return [item["price"] for item in answer["items"]]


def test_numbers_are_as_they_are_stored() -> None:
    answer = with_money(flat(), "number")
    assert (answer["total"], prices(answer)) == (4.19, [0.59, 1.5])


def test_texts_and_objects_have_every_decimal_of_the_currency() -> None:
    answer = with_money(flat(), "string")
    assert (answer["total"], prices(answer)) == ("4.19", ["0.59", "1.50"])
    answer = with_money(flat(None), "object")
    assert answer["total"] == {"amount": "4.19", "currency": None}
    assert prices(answer)[1] == {"amount": "1.50", "currency": None}
    assert answer["line_items"] == flat(None)["line_items"], "these are objects in any form"


@pytest.mark.parametrize("form", ["number", "string", "object"])
def test_a_receipt_without_a_total_has_none_in_any_form(form: Any) -> None:
    assert with_money(flat(total=None), form)["total"] is None


@pytest.mark.parametrize(
    ("total", "quantity", "price"),
    [
        ("1.39", "2.36", "0.59"),
        ("3.00", "2", "1.50"),
        ("10.00", "3", "3.333"),
        ("2.00", "1000", "0.0020"),
        ("15000", "2", "7500"),
        ("1000", "3", "333.3"),
        ("-4.50", "3", "-1.50"),
    ],
)
def test_a_unit_price_has_the_fewest_decimals_that_give_the_total(
    total: str, quantity: str, price: str
) -> None:
    each = unit_amount(Decimal(total), Decimal(quantity))
    assert round(each * Decimal(quantity), -Decimal(total).as_tuple().exponent) == Decimal(total)
    assert abs(each - Decimal(price)) < Decimal("0.01")
    assert len(str(each)) <= len(price) + 1


@given(st.integers(-(10**7), 10**7), st.integers(1, 99_999))
def test_a_unit_price_times_the_quantity_is_the_total(cents: int, thousandths: int) -> None:
    total, quantity = Decimal(cents).scaleb(-2), Decimal(thousandths).scaleb(-3)
    assert round(unit_amount(total, quantity) * quantity, 2) == total


def test_a_default_currency_is_marked_and_stands_wherever_there_was_none() -> None:
    answer = with_default_currency(flat(None), "EUR")
    assert (answer["currency"], answer["currency_source"]) == ("EUR", "default")
    assert answer["currency_confidence"] == 0
    assert answer["fields"]["total"]["currency"] == "EUR"
    for item in (*answer["items"], *answer["line_items"]):
        assert item["total_price"]["currency"] == "EUR"
    assert answer["line_items"][0]["discount"]["currency"] == "EUR"


def test_a_currency_that_was_read_stays() -> None:
    answer = with_default_currency(flat("USD"), "EUR")
    assert (answer["currency"], answer["currency_source"]) == ("USD", "reading")
    assert answer["items"] == flat("USD")["items"]
    answer = with_default_currency(flat(None), None)
    assert (answer["currency"], answer["currency_source"]) == (None, None)
