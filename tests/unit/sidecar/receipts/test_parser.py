"""Extractions of printed receipts: of four countries, of many tills, and of random text.

Each file of tills/ is a receipt of an invented shop and, below =====, what a person reads there:
the date, the time, the total with its currency, and each item as its name, quantity and unit,
price, and discount.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.models import Extraction, Money, nested_from_flat
from tests.unit.sidecar.receipts.printed import read

TILLS = sorted((Path(__file__).parent / "tills").glob("*.txt"))

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


def test_the_warning_for_a_receipt_that_does_not_add_up_has_the_sum() -> None:
    receipt = read(AMERICAN.replace("6.50 T", "9.50 T"))
    assert not receipt.checks.matches_total
    assert any("20.13" in warning for warning in receipt.checks.warnings)


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
    assert (receipt.date.value, receipt.date.confidence >= 0.9) == (expected, True)
    assert not any("two ways" in warning for warning in receipt.checks.warnings)
    shown = read("CORNER SHOP  SALES TAX\n03/04/2026\nMILK  4.25\nTOTAL  4.25", language="de")
    assert shown.date is not None
    assert shown.date.value == "2026-03-04", "what the receipt shows has precedence"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("WATER JUG 2.25L                 4.62", "WATER JUG 2.25L"),
        ("FOAMBOARD 91X46CM     3    63 60    190.80", "FOAMBOARD 91X46CM"),
        ("ACRYLIC YARN\n10.00 PKTS X 13.00      130.00", "ACRYLIC YARN"),
        ("PARKING TICKET      5.00\nLength of stay: 0 Hr. 17 Min.", "PARKING TICKET"),
    ],
)
def test_a_name_includes_the_size_but_not_the_columns(line: str, name: str) -> None:
    heading = "CORNER SHOP\nITEM   QTY   PRICE   AMOUNT"
    receipt = read(f"{heading}\n{line}")
    assert [item.parsed_name for item in receipt.line_items] == [name]


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
        assert item["price"] * item["quantity"] == pytest.approx(total)


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


def fields_of(extraction: Extraction) -> list[str]:
    assert extraction.date is not None
    assert extraction.total is not None
    lines = [
        f"date {extraction.date.value}",
        f"time {extraction.time.value}" if extraction.time else "no time",
        f"total {extraction.total.amount} {extraction.currency}",
    ]
    for item in extraction.line_items:
        quantity = f"{item.quantity.normalize():f} {item.unit or ''}".strip()
        off = (f"-{item.discount.amount}",) if item.discount else ()
        lines.append(" | ".join((item.parsed_name, quantity, str(item.total_price.amount), *off)))
    return lines


@pytest.mark.parametrize("file", TILLS, ids=lambda file: file.stem)
def test_a_tills_receipt_is_read_as_a_person_reads_it(file: Path) -> None:
    printed, expected = file.read_text("utf-8").split("\n=====\n")
    extraction = read(printed)
    assert fields_of(extraction) == expected.strip().splitlines()
    assert extraction.checks.matches_total


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


@given(LINES)
def test_parsing_is_deterministic(text: str) -> None:
    assert read(text) == read(text)
