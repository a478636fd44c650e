"""Second readings of characters that the recognizer doubted."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from sidecar.receipts.assignment.doubts import doubts
from sidecar.receipts.assignment.reading import AmountReading, read_amounts
from sidecar.receipts.model import receipt_model
from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.text_rows import rows_from_text
from sidecar.receipts.types import Glyph
from tests.unit.sidecar.receipts.annotated import evidence_from

LINES = """
    OAT MILK       3.35  | nni
    RICE           2.00  | ni
    DARK CHOCOLATE 4.10  | nni
    TOTAL         10.05  | .t
    CARD          10.05  | .p
"""  # the milk costs 3.95

Runners = Mapping[tuple[int, int], str]
"""The second reading of the character at a place of a row's last word."""


def doubted(row: Row, number: int, runners: Runners) -> Row:
    """Return a row whose words have glyphs, with the second readings of its last word."""
    words = []
    for word in row.words:
        glyphs = tuple(
            Glyph(
                char,
                0.6 if word is row.words[-1] and (number, place) in runners else 0.99,
                (place + 0.5) / len(word.text),
                runners.get((number, place), "") if word is row.words[-1] else "",
            )
            for place, char in enumerate(word.text)
        )
        words.append(replace(word, glyphs=glyphs))
    return replace(row, words=tuple(words))


def reading(text: str, runners: Runners) -> AmountReading:
    lines = [[part.strip() for part in line.split("|")] for line in text.strip().splitlines()]
    rows = rows_from_text("\n".join(line[0] for line in lines))
    rows = [doubted(row, number, runners) for number, row in enumerate(rows)]
    return read_amounts(evidence_from(rows, lines), receipt_model().calibration)


def prices(found: AmountReading) -> list[str]:
    return [str(item.total.quantize(Decimal("0.01"))) for item in found.items]


def test_a_doubted_digit_whose_second_reading_makes_the_sum_right_is_taken_and_said() -> None:
    found = reading(LINES, {(0, 2): "9"})
    assert prices(found) == ["3.95", "2.00", "4.10"]
    assert found.total is not None
    assert found.total.value == Decimal("10.05")
    (warning,) = found.warnings
    assert "3.35" in warning
    assert "3.95" in warning


def test_without_a_doubt_no_amount_is_changed() -> None:
    found = reading(LINES, {})
    assert prices(found) == ["3.35", "2.00", "4.10"]
    assert not found.matches_total
    assert found.warnings == ()


@pytest.mark.parametrize(
    "runners",
    [
        {(0, 2): "6"},  # does not make the sum right
        {(0, 2): "B"},  # no digit
        {(0, 1): ","},
        {(0, 2): "²"},  # a digit to Python, and none of an amount
    ],
)
def test_a_second_reading_that_explains_nothing_is_not_taken(runners: Runners) -> None:
    found = reading(LINES, runners)
    assert prices(found) == ["3.35", "2.00", "4.10"]
    assert not found.matches_total
    assert found.warnings == ()


def test_two_changes_are_an_invention_and_are_not_made() -> None:
    """3.35 + 2.00 + 4.10 = 9.45; 3.65 and 2.30 together would be the total."""
    found = reading(LINES, {(0, 2): "6", (1, 2): "3"})
    assert prices(found) == ["3.35", "2.00", "4.10"]
    assert not found.matches_total


def test_two_changes_that_would_each_do_are_a_guess_and_are_not_made() -> None:
    found = reading(LINES, {(0, 2): "9", (1, 2): "6"})
    assert prices(found) == ["3.35", "2.00", "4.10"]
    assert not found.matches_total


def test_a_receipt_that_adds_up_is_left_as_it_is() -> None:
    right = LINES.replace("3.35", "3.95")
    found = reading(right, {(0, 2): "3", (1, 0): "3"})
    assert prices(found) == ["3.95", "2.00", "4.10"]
    assert found.warnings == ()


def test_the_total_itself_may_have_been_misread() -> None:
    text = LINES.replace("10.05", "16.05").replace("3.35", "3.95")
    found = reading(text.replace("CARD          16.05  | .p", "THANK YOU | .."), {(3, 1): "0"})
    assert found.total is not None
    assert found.total.value == Decimal("10.05")
    assert len(found.warnings) == 1


def test_many_doubts_are_not_all_tried() -> None:
    text = "\n".join(f"SOAP {n}.11 | ni" for n in range(1, 60)) + "\nTOTAL 1.00 | .t"
    lines = [[part.strip() for part in line.split("|")] for line in text.splitlines()]
    rows = rows_from_text("\n".join(line[0] for line in lines))
    runners = {(number, 0): "7" for number in range(59)}
    rows = [doubted(row, number, runners) for number, row in enumerate(rows)]
    assert isinstance(rows[0].words[0], Word)
    assert len(list(doubts(evidence_from(rows, lines)))) <= 24
