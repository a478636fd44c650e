"""Extractions of clean receipts of four countries, and what the caller's options change."""

from decimal import Decimal

import pytest

from sidecar.receipts.models import nested_from_flat
from tests.unit.sidecar.receipts.printed import read

Item = tuple[str, str, str | None, str, str]

AMERICAN = """
          GREEN VALLEY MARKET
   214 Orchard Street, Portland OR 97205
            Tel 503-555-0142
01/17/2026  14:32          Register 03

ORGANIC MILK 1GL                  5.49 F
BANANAS
  2.36 lb @ 0.59 /lb              1.39 F
GREEK YOGURT
  3 @ 1.25                        3.75 F
PAPER TOWELS                      6.50 T
SUBTOTAL                         17.13
TAX 8.00%                         0.52
TOTAL                           $17.65
CASH                            $20.00
CHANGE                           $2.35
"""

BRITISH = """
            CORNER FOODS LTD
        12 High Street, Leeds LS1 4AP
          VAT NO GB 123 4567 89
17 Jan 2026 09:15

SEMI SKIMMED MILK 2L              £1.55
WHOLEMEAL LOAF                    £1.20
3 x £1.20
APPLE BAG                         £3.60
TOTAL                             £6.35
VISA DEBIT                        £6.35
"""

GERMAN = """
             KAUFGUT MARKT
           Hauptstraße 7
          10115 Berlin
VOLLMILCH 3,5%                    1,19 A
ROGGENBROT                        2,49 A
ÄPFEL
 0,482 kg x 3,99 EUR/kg           1,92 A
SUMME                      EUR    5,60
GEGEBEN BAR                      10,00
RÜCKGELD                          4,40
17.01.2026 18:22
"""

MALAYSIAN = """
        SAM SENG TRADING SDN BHD
        NO 5, JALAN BUNGA 3, 81100 JOHOR BAHRU
            GST ID: 000123456789
Date: 17/01/2026  10:33
DESCRIPTION           QTY  PRICE  AMOUNT
BERAS WANGI 5KG        1   28.90   28.90
KICAP MANIS            2    4.56    9.12
TOTAL (RM)                         38.02
ROUNDING                           -0.02
NET TOTAL (RM)                     38.00
CASH                               50.00
CHANGE                             12.00
"""


@pytest.mark.parametrize(
    ("text", "merchant", "currency", "total", "items"),
    [
        (
            AMERICAN,
            "GREEN VALLEY MARKET",
            "USD",
            "17.65",
            [
                ("ORGANIC MILK 1GL", "1", None, "5.49", "5.49"),
                ("BANANAS", "2.36", "lb", "0.59", "1.39"),
                ("GREEK YOGURT", "3", None, "1.25", "3.75"),
                ("PAPER TOWELS", "1", None, "6.50", "6.50"),
            ],
        ),
        (
            BRITISH,
            "CORNER FOODS LTD",
            "GBP",
            "6.35",
            [
                ("SEMI SKIMMED MILK 2L", "1", None, "1.55", "1.55"),
                ("WHOLEMEAL LOAF", "1", None, "1.20", "1.20"),
                ("APPLE BAG", "3", None, "1.20", "3.60"),
            ],
        ),
        (
            GERMAN,
            "KAUFGUT MARKT",
            "EUR",
            "5.60",
            [
                ("VOLLMILCH 3,5%", "1", None, "1.19", "1.19"),
                ("ROGGENBROT", "1", None, "2.49", "2.49"),
                ("ÄPFEL", "0.482", "kg", "3.99", "1.92"),
            ],
        ),
        (
            MALAYSIAN,
            "SAM SENG TRADING SDN BHD",
            "MYR",
            "38.00",
            [
                ("BERAS WANGI 5KG", "1", None, "28.90", "28.90"),
                ("KICAP MANIS", "2", None, "4.56", "9.12"),
            ],
        ),
    ],
    ids=["american", "british", "german", "malaysian"],
)
def test_a_clean_receipt_is_read_as_printed(
    text: str, merchant: str, currency: str, total: str, items: list[Item]
) -> None:
    receipt = read(text)
    assert receipt.merchant is not None
    assert receipt.merchant.name == merchant
    assert receipt.date is not None
    assert receipt.date.value == "2026-01-17"
    assert receipt.currency == currency
    assert receipt.total is not None
    assert receipt.total.amount == Decimal(total)
    assert [
        (
            item.parsed_name,
            str(item.quantity),
            item.unit,
            str(item.unit_price.amount),
            str(item.total_price.amount),
        )
        for item in receipt.line_items
    ] == items
    assert receipt.checks.matches_total
    assert receipt.checks.warnings == ()


def test_subtotal_and_tax_are_distinguished_from_the_total() -> None:
    receipt = read(AMERICAN)
    assert receipt.subtotal is not None
    assert receipt.tax is not None
    assert (receipt.subtotal.amount, receipt.tax.amount) == (Decimal("17.13"), Decimal("0.52"))


def test_a_receipt_that_does_not_add_up_is_left_as_printed_with_a_warning() -> None:
    receipt = read(AMERICAN.replace("6.50 T", "9.50 T"))
    assert not receipt.checks.matches_total
    assert any("20.13" in warning for warning in receipt.checks.warnings)
    assert receipt.total is not None
    assert receipt.total.amount == Decimal("17.65")
    assert [str(item.total_price.amount) for item in receipt.line_items] == [
        "5.49",
        "1.39",
        "3.75",
        "9.50",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "CORNER SHOP\nMILK   1.99\nBREAD  2.49\nTHANK YOU",
        "CORNER SHOP\nOPEN 8 TO 8\nTHANK YOU",
    ],
)
def test_a_receipt_without_a_printed_total_has_none(text: str) -> None:
    receipt = read(text)
    assert receipt.total is None
    assert not receipt.checks.matches_total
    assert "No total was found." in receipt.checks.warnings


def test_two_receipts_in_one_text_are_said_and_do_not_match() -> None:
    receipt = read(AMERICAN + "\n" + GERMAN.replace(",", "."))
    assert not receipt.checks.matches_total
    assert any("several receipts" in warning for warning in receipt.checks.warnings)


def test_the_callers_date_order_decides_an_ambiguous_date() -> None:
    text = "SHOP\n03/04/2026\nMILK   1.99\nTOTAL  1.99"
    for order, expected in (("dmy", "2026-04-03"), ("mdy", "2026-03-04")):
        date = read(text, date_order=order).date
        assert date is not None
        assert date.value == expected
    ambiguous = read(text)
    assert ambiguous.date is None or ambiguous.date.confidence < 0.8
    assert ambiguous.checks.warnings


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en-US", "2026-03-04"), ("en-GB", "2026-04-03"), ("de", "2026-04-03")],
)
def test_the_callers_language_decides_what_the_receipt_does_not_show(
    language: str, expected: str
) -> None:
    text = "CORNER SHOP\n03/04/2026\nMILK  4.25\nTOTAL  4.25"
    receipt = read(text, language=language)
    assert receipt.date is not None
    assert receipt.date.value == expected
    assert receipt.date.confidence > 0.8
    assert not any("two ways" in warning for warning in receipt.checks.warnings)


def test_what_the_receipt_shows_has_precedence_over_the_callers_language() -> None:
    receipt = read(AMERICAN.replace("01/17/2026", "03/04/2026"), language="de")
    assert receipt.date is not None
    assert receipt.date.value == "2026-03-04"
    german = read(GERMAN, language="en-US").total
    assert german is not None
    assert german.amount == Decimal("5.60")


def test_a_currency_that_is_not_shown_is_not_guessed() -> None:
    assert read("SHOP\nMILK   1.99\nTOTAL  1.99").currency is None
    assert read("SHOP\nMILK   1.99\nTOTAL  1.99", currency="CHF").currency == "CHF"


def test_an_empty_receipt_gives_an_empty_extraction_with_a_warning() -> None:
    receipt = read("")
    assert (receipt.merchant, receipt.date, receipt.total, receipt.line_items) == (
        None,
        None,
        None,
        (),
    )
    assert receipt.checks.warnings


def test_the_flat_form_has_the_price_of_one_unit() -> None:
    items = read(AMERICAN).flat()["items"]
    assert isinstance(items, list)
    for item in items:
        total = float(item["total_price"]["amount"])
        assert round(item["price"] * item["quantity"], 2) == total


def test_groceries_that_look_like_key_words_are_items() -> None:
    receipt = read(AMERICAN.replace("BANANAS", "ORANGES").replace("PAPER TOWELS", "ORANGE JUICE"))
    assert [item.parsed_name for item in receipt.line_items] == [
        "ORGANIC MILK 1GL",
        "ORANGES",
        "GREEK YOGURT",
        "ORANGE JUICE",
    ]
    assert receipt.checks.matches_total


@pytest.mark.parametrize("misread", ["TOTAI", "T0TAL", "TOIAL"])
def test_misread_key_words_are_recognized(misread: str) -> None:
    total = read(AMERICAN.replace("\nTOTAL ", f"\n{misread} ")).total
    assert total is not None
    assert total.amount == Decimal("17.65")


@pytest.mark.parametrize("text", [AMERICAN, BRITISH, GERMAN, MALAYSIAN, ""])
def test_the_nested_form_is_restored_from_the_flat_one(text: str) -> None:
    receipt = read(text)
    assert nested_from_flat(receipt.flat()) == receipt.nested()
