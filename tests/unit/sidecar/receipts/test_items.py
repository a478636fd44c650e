"""Line items: prices, quantities, discounts, returns, and amounts that are no items."""

import pytest

from sidecar.receipts.assignment.explain import likeliest
from sidecar.receipts.assignment.items import ReadItem, items_of
from tests.unit.sidecar.receipts.annotated import annotated
from tests.unit.sidecar.receipts.printed import read

Summary = tuple[str, str, str | None]


def items(text: str) -> list[Summary]:
    """Return name, price and discount of each item that the whole reader reads."""
    return [
        (
            item.parsed_name,
            str(item.total_price.amount),
            str(item.discount.amount) if item.discount else None,
        )
        for item in read(text).line_items
    ]


def built(text: str) -> list[ReadItem]:
    """Return the items of annotated lines."""
    evidence = annotated(text)
    return items_of(evidence, likeliest(evidence))


def prices(text: str) -> list[tuple[str, str, list[str]]]:
    return [(item.name, str(item.total), [str(d) for d in item.discounts]) for item in built(text)]


def quantities(text: str) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (
            item.name,
            str(item.quantity),
            item.unit,
            None if item.unit_price is None else str(item.unit_price),
        )
        for item in built(text)
    ]


# With roles given: how tokens become items.


def test_a_discount_is_that_of_the_item_above_it() -> None:
    assert prices("""
        OAT MILK   3.00 | nni
        COUPON    -1.00 | ..d
        RICE       2.00 | ni
        TOTAL      4.00 | .t
    """) == [("OAT MILK", "3.00", ["1.00"]), ("RICE", "2.00", [])]


def test_an_item_may_have_several_discounts() -> None:
    assert prices("""
        CHEESE     9.00 | ni
        COUPON    -1.00 | ..d
        CARD      -0.50 | ..d
    """) == [("CHEESE", "9.00", ["1.00", "0.50"])]


def test_a_discount_below_the_subtotal_is_of_no_item() -> None:
    assert prices("""
        RICE       2.00 | ni
        SUBTOTAL   2.00 | .s
        STAFF     -0.20 | ..d
        TOTAL      1.80 | .t
    """) == [("RICE", "2.00", [])]


def test_a_discount_of_more_than_the_item_above_is_an_item_of_its_own() -> None:
    assert prices("""
        BREAD      2.00 | ni
        MEAL DEAL -3.00 | nn.d
        TOTAL      1.00 | .t
    """) == [("BREAD", "2.00", []), ("MEAL DEAL", "-3.00", [])]


def test_a_return_has_the_name_on_its_line_and_none_of_other_items() -> None:
    assert prices("""
        YOGHURT MANGO          | nn  | ABOVE
        4 x 0.85    3.40       | q.ui
        WATER       0.50       | ni
        EMPTIES    -1.55       | n.d
        TOTAL       2.35       | .t
    """)[1:] == [("WATER", "0.50", []), ("EMPTIES", "-1.55", [])]


def test_a_return_without_words_of_a_name_does_not_take_those_of_other_items() -> None:
    found = prices("""
        YOGHURT MANGO          | nn  | ABOVE
        4 x 0.85    3.40       | q.ui
        WATER       0.50       | ni
        PULLOPALAUTUS -1.55    | ..d
        TOTAL       2.35       | .t
    """)
    assert [(price, off) for _, price, off in found] == [("3.40", []), ("0.50", []), ("-1.55", [])]
    assert not {"YOGHURT", "WATER"} & set(found[2][0].split())


def test_a_return_keeps_its_minus() -> None:
    assert prices("BOTTLES  -0.75 | n.i\nTOTAL -0.75 | ..t") == [("BOTTLES", "-0.75", [])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("APPLES 0.482 kg x 3.99 1.92 | nq..ui", ("APPLES", "0.482", "kg", "3.99")),
        ("APPLES | n | ABOVE\n0.482 kg x 3.99 1.92 | q..ui", ("APPLES", "0.482", "kg", "3.99")),
        ("KUMARA | n | ABOVE\n4.20 x 1.350 kg 5.67 | u.q.i", ("KUMARA", "1.350", "kg", "4.20")),
        ("TEA | n | ABOVE\n8.90 x 2 17.80 | u.qi", ("TEA", "2", None, "8.90")),
        ("SKIRTING | n | ABOVE\n1.000 STK 13.99 | q.i", ("SKIRTING", "1.000", "piece", None)),
        ("PINT 2 11.60 | nqi", ("PINT", "2", None, None)),
        ("TISSUES 2.79 5.58 | nui", ("TISSUES", "2", None, "2.79")),  # 5.58 / 2.79
        ("SOAP 2.50 | ni", ("SOAP", "1", None, None)),
    ],
)
def test_the_quantity_is_what_the_unit_price_proves(
    text: str, expected: tuple[str, str, str | None, str | None]
) -> None:
    (found,) = quantities(text)
    assert found == expected


def test_a_quantity_above_its_name_is_that_of_the_price_below() -> None:
    assert quantities("""
        ATLAS 34.50         | ni
        3 x 17.50           | q.u | ABOVE
        BREAD 52.50         | ni
        TOTAL 87.00         | .t
    """)[1] == ("BREAD", "3", None, "17.50")


def test_a_price_of_zero_is_an_item() -> None:
    assert prices("SAMPLE PEN 0.00 | nni\nTOTAL 0.00 | .t") == [("SAMPLE PEN", "0.00", [])]


# The whole reader.


def test_a_negative_amount_is_a_discount_whatever_its_label() -> None:
    assert items("""
OAT MILK                              3.00
KAMPANJ                              -1.00
RICE                                  2.00
TOTAL                                 4.00
""") == [("OAT MILK", "3.00", "1.00"), ("RICE", "2.00", None)]


def test_the_price_after_a_discount_is_not_an_item() -> None:
    assert items("""
YOGURT                                5.49 F
BONUS BUY SAVINGS                     1.49-F
PRICE YOU PAY                         4.00
BAGELS                                4.99 F
TOTAL                                 8.99
""") == [("YOGURT", "5.49", "1.49"), ("BAGELS", "4.99", None)]


def test_a_refund_is_an_item() -> None:
    assert items("""
WATER                                 2.00
BOTTLE DEPOSIT                        0.25
DEPOSIT RETURN                       -0.50
TOTAL                                 1.75
""") == [
        ("WATER", "2.00", None),
        ("BOTTLE DEPOSIT", "0.25", None),
        ("DEPOSIT RETURN", "-0.50", None),
    ]


@pytest.mark.parametrize(
    "note",
    [
        "REG. PRICE                            9.99",
        "  ( Usual price $ 9.99 )",
        "  Was 9.99 You save 2.00",
        "  dont éco-participation 0.02",
    ],
)
def test_what_an_article_cost_or_contains_is_not_an_item(note: str) -> None:
    assert items(f"""
COFFEE                                7.99
{note}
TEA                                   2.00
TOTAL                                 9.99
""") == [("COFFEE", "7.99", None), ("TEA", "2.00", None)]


@pytest.mark.parametrize(
    "table",
    [
        "VAT%   NET    VAT   GROSS\n20%   8.33   1.66    9.99",
        "TAXABLE A                  9.99\nVAT A 20%                  1.66\nTOTAL VAT          1.66",
        "SAVED TODAY                1.20\nPOINTS                       99",
        "PAID BY CARD               9.99\nAPPROVED 003412",
    ],
)
def test_what_stands_below_the_total_is_no_item(table: str) -> None:
    assert items(f"""
COFFEE                                7.99
TEA                                   2.00
TOTAL                                 9.99
{table}
""") == [("COFFEE", "7.99", None), ("TEA", "2.00", None)]
