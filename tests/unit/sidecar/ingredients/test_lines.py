"""Ingredient lines of eight languages, written for these tests."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.ingredients.lines import MAX_LENGTH, parse_line, parse_lines
from sidecar.ingredients.units import LANGUAGES, kitchen_units

FOLDER = Path(__file__).parent / "lines"
#: The share of lines that must be read right, with the language known and without.
REQUIRED = 0.95


def cases(language):
    rows = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
    return [tuple(part.strip() for part in row.split("|")) for row in rows]


def shown(line):
    low, high = (
        "" if value is None else f"{float(value):.6g}"
        for value in (line.quantity, line.quantity_max)
    )
    amount = f"{low}-{high}" if high else low
    return amount, line.unit or "", line.name.casefold()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_amount_unit_and_name_of_ordinary_lines(language, known):
    rows = cases(language)
    lines = parse_lines([row[0] for row in rows], language if known else None)
    wrong = [
        (row, shown(line))
        for row, line in zip(rows, lines, strict=True)
        if shown(line) != (row[1], row[2], row[3].casefold())
    ]
    assert len(wrong) <= (1 - REQUIRED) * len(rows), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_alone_is_nearly_as_well_read(language):
    rows = cases(language)
    wrong = [
        (row, shown(line), line.language)
        for row in rows
        if shown(line := parse_line(row[0])) != (row[1], row[2], row[3].casefold())
    ]
    assert len(wrong) <= 0.1 * len(rows), wrong


def test_lines_of_other_languages_have_their_units_and_a_low_confidence():
    file = FOLDER.with_name("lines_elsewhere.txt")
    rows = [
        [part.strip() for part in row.split("|")] for row in file.read_text("utf-8").splitlines()
    ]
    lines = [parse_line(row[1]) for row in rows]
    wrong = [
        (row, shown(line), line.language)
        for row, line in zip(rows, lines, strict=True)
        if (line.language, *shown(line)) != (row[0], row[2], row[3], row[4].casefold())
    ]
    assert len(wrong) <= (1 - REQUIRED) * len(rows), wrong
    assert all(line.confidence <= 0.6 for line in lines)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_of_the_eight_languages_are_not_taken_for_others(language):
    found = [parse_line(row[0]).language for row in cases(language)]
    assert set(found) <= set(LANGUAGES)


@pytest.mark.parametrize("line", ["200 գ ալյուր", "2 கப் அரிசி", "200 გ ფქვილი"])
def test_a_line_of_an_unknown_script_says_so(line):
    parsed = parse_line(line)
    assert parsed.language == "und"
    assert parsed.confidence <= 0.6


@pytest.mark.parametrize("spelled", ["٢", "२", "２"])
def test_digits_of_all_scripts_are_numbers(spelled):
    assert parse_line(f"{spelled} kg rice").quantity == 2


def test_notes_sizes_and_alternatives():
    line = parse_line("1 (14 oz) can chopped tomatoes, drained")
    assert (line.size.quantity, line.size.unit, line.note) == (14, "oz", "drained")
    line = parse_line("100 g butter or margarine, softened (optional)")
    assert line.optional
    assert [other.name for other in line.alternatives] == ["margarine"]
    assert line.alternatives[0].quantity == 100


def test_a_cup_of_chicken_or_vegetable_stock_has_two_stocks():
    line = parse_line("1 cup chicken or vegetable stock")
    assert line.name == "chicken stock"
    assert line.alternatives[0].name == "vegetable stock"


def test_thirds_are_exact():
    assert parse_line("⅓ cup rice").quantity == Fraction(1, 3)


@pytest.mark.parametrize("line", ["", " ", "()", "1/0", "½", "-", "9" * 600, "((((", "1 ("])
def test_lines_that_say_nothing_are_unsure(line):
    assert parse_line(line).confidence <= 0.6


LINES = st.one_of(
    st.text(max_size=MAX_LENGTH * 2),
    st.text(alphabet="0123456789 /-,.()½xgEL", max_size=80),
    st.lists(
        st.sampled_from(["1", "½", "(", ")", "g", "EL", "of", "oder", ",", "-", "can", "x", "d'"]),
        max_size=30,
    ).map(" ".join),
)


@given(LINES, st.sampled_from((None, *LANGUAGES)))
def test_no_line_raises_and_no_quantity_is_negative(text, language):
    line = parse_line(text, language)
    assert line.quantity is None or line.quantity > 0
    assert line.quantity_max is None or line.quantity_max > line.quantity
    assert line.unit in (None, "", *kitchen_units().by_name)
    assert 0 <= line.confidence <= 1
