"""Tokens of printed lines: numbers with values and signs, words, and where they stand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.ocr.layout import Word
from sidecar.receipts.roles.tokens import Token, tokenize, word_at
from sidecar.receipts.text_rows import rows_from_text
from tests.unit.sidecar.receipts.annotated import tokenized


def amounts(text: str) -> list[Decimal | None]:
    return [token.value for line in tokenized(text).lines for token in line if token.money]


def texts(line: str) -> list[str]:
    return [token.text for token in tokenized(line).lines[0]]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("RABATT -6,98", "-6.98"),
        ("RABAT 6,00-", "-6.00"),
        ("Meal Deal (£1.30)", "-1.30"),
        ("REFUND ( 2.00 )", "-2.00"),
        ("VISA REFUND -$45.49", "-45.49"),
        ("VOID $-3.50", "-3.50"),
        ("INDIRIM *-3,00", "-3.00"),
        ("値引 -¥1,200.00", "-1200.00"),
        ("LEERGUT −0,75", "-0.75"),
        ("COUPON 1.00-F", "-1.00"),
    ],
)
def test_an_amount_has_its_sign_wherever_the_minus_stands(line: str, value: str) -> None:
    assert amounts(line) == [Decimal(value)]


@pytest.mark.parametrize("line", ["5.00-7.00 EUR", "SKU-12.50", "A - B 3.25", "(2) SOAP 3.25"])
def test_a_dash_or_a_bracket_is_no_minus(line: str) -> None:
    assert all(value is not None and value > 0 for value in amounts(line))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PFAND 0,15*B", "0.15"),
        ("BREZEL 1.99·A", "1.99"),
        ("SUT %08 *8,75", "8.75"),
        ("KIFLA 2,35E", "2.35"),
        ("GARDEN GNOME R319.40", "319.40"),
        ("PAN 2,80€", "2.80"),
        ("CAFE ,70 F", "0.70"),
        ("MILK=1.99", "1.99"),
    ],
)
def test_a_mark_beside_an_amount_is_no_part_of_it(line: str, value: str) -> None:
    assert amounts(line) == [Decimal(value)]


@pytest.mark.parametrize(
    ("printed", "value"),
    [("1O.5O", "10.50"), ("l5.00", "15.00"), ("2,B5", "2.85"), ("I2,99", "12.99")],
)
def test_letters_that_were_recognized_in_an_amount_are_read_as_digits(
    printed: str, value: str
) -> None:
    assert amounts(f"MILK {printed}") == [Decimal(value)]


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("CHAIR          2      129.98", ["2", "129.98"]),
        ("KAFA           1      319,90", ["1", "319,90"]),
        ("BIKE     1     990.00     990.00", ["1", "990.00", "990.00"]),
    ],
)
def test_a_quantity_in_its_column_is_no_part_of_the_price(line: str, numbers: list[str]) -> None:
    assert [token.text for token in tokenized(line).lines[0] if token.is_number] == numbers


@pytest.mark.parametrize("word", ["รวมทั้งสิ้น", "เงินทอน", "यात्रा", "Äpfel", "Ångström"])
def test_a_word_is_not_broken_at_its_vowel_signs(word: str) -> None:
    assert texts(f"{word} 1.00") == [word, "1.00"]


def test_words_that_look_like_numbers_stay_words() -> None:
    assert texts("LOLLI O2 BIO B12") == ["LOLLI", "O", "2", "BIO", "B", "12"]
    assert texts("O'Brien's l'eau") == ["O'Brien's", "l'eau"]


def test_a_share_is_no_amount() -> None:
    (line,) = tokenized("VAT 20.00% 3.34").lines
    assert [(token.text, token.percent) for token in line if token.is_number] == [
        ("20.00", True),
        ("3.34", False),
    ]


def test_a_token_knows_its_place_on_the_page() -> None:
    (line,) = tokenized("OAT MILK            2.00A").lines
    oat, milk, price, mark = line
    assert (oat.left, oat.right) == (0, 30)
    assert (milk.left, milk.right) == (40, 80)
    assert (price.left, price.right) == (200, 240)
    assert (mark.left, mark.right, mark.glued) == (240, 250, True)
    assert not price.glued


def test_the_word_at_a_place_of_a_row_is_found() -> None:
    (row,) = rows_from_text("OAT MILK 2.00")
    assert [word_at(row, start).text for start in (0, 4, 7, 9)] == ["OAT", "MILK", "MILK", "2.00"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("لبن ٩٠٫٠٠\nأرز ١٬٢٧٥٫٥٠", ["90.00", "1275.50"]),
        ("شیر ۹۰۰,۰۰۰", ["900000"]),
        ("दूध ४५.५०", ["45.50"]),
        ("TEJ 1 257 Ft\nMOSÓPOR 13 999 FT\nSÓ 149 Ft", ["1257", "13999", "149"]),
        ("SMÖR 1 049 kr", ["1049"]),
        ("МОЛОКО 2 45,00\nХЛЕБ 1 120 руб", ["45.00"]),
    ],
)
def test_amounts_of_other_scripts_and_with_blanks_before_a_sign(
    text: str, values: list[str]
) -> None:
    assert amounts(text) == [Decimal(value) for value in values]


def test_blanks_group_no_digits_without_a_sign() -> None:
    assert texts("SKRUV 2 150") == ["SKRUV", "2", "150"]


def test_rows_without_words_give_no_lines() -> None:
    assert tokenize([]).lines == ()
    assert tokenized("\n  \n").lines == ()


@given(st.lists(st.text(max_size=40), max_size=6).map("\n".join))
def test_tokens_are_the_texts_of_their_places_in_order(text: str) -> None:
    receipt = tokenized(text)
    for number, (line, printed) in enumerate(zip(receipt.lines, receipt.texts, strict=True)):
        assert len(printed) == len(receipt.rows[number].text)
        end = 0
        for token in line:
            assert isinstance(token, Token)
            assert (token.row, token.text) == (number, printed[token.start : token.end])
            assert end <= token.start < token.end
            assert token.value is None or token.value.is_finite()
            assert isinstance(word_at(receipt.rows[number], token.start), Word)
            end = token.end
