"""Numbers as the world prints them, and the format that a receipt's amounts have."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.roles.numbers import NUMBER, Mark, NumberFormat, format_of, value_of

POINT, COMMA = NumberFormat(2, "."), NumberFormat(2, ",")
WHOLE_POINT, WHOLE_COMMA = NumberFormat(0, ","), NumberFormat(0, ".")  # 59.000, 59,000


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["MILK 1.99", "BREAD 12.50"], POINT),
        (["MILCH 1,99", "BROT 12,50"], COMMA),
        (["TV 1,299.00", "CABLE 8.50"], POINT),
        (["TV 1.299,00", "KABEL 8,50"], COMMA),
        (["SAREE 1,05,300.00", "LAMP 2,150.00"], POINT),
        (["VELO 1'190.00"], POINT),
        (["PANIER 1 234,56"], COMMA),
        (["PEPINO ,58", "BOLSA ,05"], COMMA),
        (["MIE 13.400", "TEH 2.900"], WHOLE_POINT),
        (["PHO 65,000", "TRA 12,000"], WHOLE_COMMA),
        (["LABAN 0.450", "BREAD 0.900", "DATES 2.750"], NumberFormat(3, ".")),
        (["THON 4,950", "SEL 0,310", "LAIT 0,850"], NumberFormat(3, ",")),
    ],
)
def test_the_format_is_that_of_most_amounts(lines: list[str], written: NumberFormat) -> None:
    assert format_of(lines) == written


def test_a_weight_does_not_outvote_the_prices() -> None:
    assert format_of(["0.482 kg x 3.99 1.92", "1.120 kg x 2.00 2.24", "BAG 0.30"]) == POINT
    assert format_of(["0,482 kg x 3,99", "APFEL 1,92", "SUMME 1,92"]) == COMMA


def test_times_dates_rates_and_codes_are_no_amounts() -> None:
    lines = ["12.05.2024 18:42", "VAT 8.00%", "01.234.567.8-429.000", "1-2.50", "MILCH 1,99"]
    assert format_of(lines) == COMMA


def test_the_expected_format_holds_where_no_number_tells() -> None:
    assert format_of(["MILK 2"], COMMA) == COMMA
    assert format_of([], WHOLE_COMMA) == WHOLE_COMMA


@pytest.mark.parametrize(
    ("text", "written", "value", "money"),
    [
        ("1,234.56", POINT, "1234.56", True),
        ("1.234,56", COMMA, "1234.56", True),
        ("1'234.50", POINT, "1234.50", True),
        ("1,05,300.00", POINT, "105300.00", True),  # a lakh
        ("12,34,56,789.50", POINT, "123456789.50", True),
        ("1,05,300", WHOLE_COMMA, "105300", True),
        ("1’234.50", POINT, "1234.50", True),
        ("1\u00a0234,56", COMMA, "1234.56", True),
        ("1\u00a0234\u00a0567,89", COMMA, "1234567.89", True),
        (",70", COMMA, "0.70", True),
        (".57", POINT, "0.57", True),
        ("59.000", WHOLE_POINT, "59000", True),
        ("69,000", WHOLE_COMMA, "69000", True),
        ("1.234.567", WHOLE_POINT, "1234567", True),
        ("4900", WHOLE_COMMA, "4900", True),
        ("0", WHOLE_COMMA, "0", True),
        ("1\u00a0257", WHOLE_POINT, "1257", True),
        ("1,120", WHOLE_POINT, "1.120", False),  # a weight: the mark is the other one
        ("0.340", WHOLE_POINT, "0.340", False),  # a weight among whole amounts
        ("0.750", NumberFormat(3, "."), "0.750", True),
        ("0.482", POINT, "0.482", False),  # a weight
        ("2.8509", POINT, "2.8509", False),  # a unit price
        ("3", POINT, "3", False),
        ("1,99", POINT, "1.99", True),  # the other mark
    ],
)
def test_a_number_has_its_value_and_is_money_if_written_as_amounts_are(
    text: str, written: NumberFormat, value: str, money: bool
) -> None:
    assert value_of(text, written) == (Decimal(value), money)


@pytest.mark.parametrize(
    "text",
    ["12.05.24", "1.2.3", "123456789012", "1,1234567", "192.168.1.10", "12,05,24", "1.05.300"],
)
def test_dates_addresses_and_long_codes_are_no_numbers(text: str) -> None:
    assert value_of(text, POINT) is None


FORMATS = st.builds(NumberFormat, st.sampled_from((0, 2, 3)), st.sampled_from((".", ",")))


@given(st.text(alphabet="0123456789.,'’ \u00a0-()*$x²٣९O", max_size=40), FORMATS)
def test_any_number_found_in_a_text_is_nothing_or_finite(text: str, written: NumberFormat) -> None:
    for match in NUMBER.finditer(text):
        read = value_of(match.group(), written)
        assert read is None or (read[0].is_finite() and read[0] >= 0)


@given(st.lists(st.text(max_size=60), max_size=8), FORMATS)
def test_any_lines_have_a_format(lines: list[str], expected: NumberFormat) -> None:
    assert format_of(lines, expected).decimals in (0, 2, 3)


@given(
    st.integers(0, 10**8),
    st.sampled_from((("", "."), (",", "."), (".", ","), ("'", "."), ("\u00a0", ","))),
)
def test_an_amount_is_read_back_as_it_was_written(cents: int, style: tuple[str, Mark]) -> None:
    grouping, mark = style
    whole, _, rest = f"{Decimal(cents) / 100:,.2f}".partition(".")
    printed = whole.replace(",", grouping) + mark + rest
    found = NUMBER.fullmatch(printed)
    assert found is not None
    assert value_of(printed, NumberFormat(2, mark)) == (Decimal(cents) / 100, True)
