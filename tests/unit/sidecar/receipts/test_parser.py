"""Extractions of printed receipts: of four countries, of made-up shops, and of random text."""

import json
import random
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.receipts.models import Extraction, Money, nested_from_flat
from sidecar.receipts.training.compose import compose
from tests.unit.sidecar.receipts.annotated import tokenized
from tests.unit.sidecar.receipts.printed import comes_to, digits_of, printed_digits, read

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


@pytest.mark.parametrize(
    ("table", "tax"),
    [
        ("VAT A 23%  4.67\nVAT C 5%  0.19\nTOTAL VAT  4.86", "4.86"),
        ("VAT 23%  4.67\nVAT 5%  0.19", "4.86"),
        ("VAT%  NET  VAT  GROSS\n23%  20.33  4.67  25.00", "4.67"),
    ],
)
def test_a_tax_is_counted_once(table: str, tax: str) -> None:
    receipt = read(f"CORNER SHOP\nLAMP  25.00\nBREAD  4.00\nTOTAL  29.00\nCARD  29.00\n{table}")
    assert receipt.tax is not None
    assert receipt.tax.amount == Decimal(tax)


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


def test_amounts_in_lakhs_are_read() -> None:
    extraction = read("SAREE HOUSE\nMumbai\nSAREE 1,05,300.00\nLAMP 2,150.00\nTOTAL 1,07,450.00")
    assert extraction.total is not None
    assert str(extraction.total.amount) == "107450.00"
    assert [str(line.total_price.amount) for line in extraction.line_items] == [
        "105300.00",
        "2150.00",
    ]


def test_a_refund_has_a_negative_total() -> None:
    extraction = read(
        "HILL STORES\nREFUND\nOLIVE OIL 500ML -6.79\nSUBTOTAL -6.79\nTOTAL -6.79\nCASH REFUND 6.79"
    )
    assert extraction.total is not None
    assert str(extraction.total.amount) == "-6.79"
    assert extraction.checks.matches_total


def test_a_net_amount_below_the_items_is_no_doubt_about_them() -> None:
    extraction = read(
        "SCHREIBWAREN KLEE\nHEFT A5 20,00\nNettobetrag 20,00\nMwSt 19% 3,80\nGesamtbetrag EUR 23,80"
    )
    assert [line.parsed_name for line in extraction.line_items] == ["HEFT A5"]
    assert extraction.checks.matches_total
    assert not extraction.checks.warnings


def test_a_count_behind_the_name_is_the_quantity() -> None:
    extraction = read("MILL STORES\nOATS X 3 £4.50\nRYE BREAD £2.00\nTOTAL £6.50")
    oats, bread = extraction.line_items
    assert (oats.parsed_name, str(oats.quantity), str(oats.unit_price.amount)) == (
        "OATS",
        "3",
        "1.50",
    )
    assert (bread.parsed_name, str(bread.quantity)) == ("RYE BREAD", "1")
