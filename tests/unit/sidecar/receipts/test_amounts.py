"""Amounts as a whole receipt settles them: lakhs, refunds, net amounts, taxes, counts."""

from decimal import Decimal

import pytest

from tests.unit.sidecar.receipts.printed import read


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


@pytest.mark.parametrize("sign", ["EUR", "Rp", "RM"])
def test_the_currency_before_a_price_is_no_part_of_the_name(sign: str) -> None:
    extraction = read(f"HARBOR STORES\nGREEN TEA {sign} 2.50\nSOAP {sign} 4.00\nTOTAL {sign} 6.50")
    assert [line.parsed_name for line in extraction.line_items] == ["GREEN TEA", "SOAP"]


def test_a_short_word_that_ends_a_name_alone_is_no_currency() -> None:
    extraction = read("HARBOR STORES\nGEL PEN 2.50\nTEA CUP 4.00\nTOTAL 6.50")
    assert [line.parsed_name for line in extraction.line_items] == ["GEL PEN", "TEA CUP"]


def test_the_sign_of_a_whole_amount_is_no_minus_of_the_next() -> None:
    extraction = read("KAFFESTUGAN\nLUND\nSMÖRGÅS 35:-            35,00\nTotal 35,00\nKort 35,00")
    assert extraction.total is not None
    assert str(extraction.total.amount) == "35.00"
    assert [str(line.total_price.amount) for line in extraction.line_items] == ["35.00"]
