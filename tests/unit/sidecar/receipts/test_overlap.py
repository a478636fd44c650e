"""Photographs of one receipt: the lines that two of them show are kept once."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.ocr.overlap import join_photographs

RECEIPT = (
    "GREEN VALLEY MARKET",
    "214 ORCHARD STREET",
    "01/17/2026 14:32",
    "ORGANIC MILK 1GL 5.49",
    "BANANAS 1.39",
    "SOURDOUGH BREAD 4.25",
    "FREE RANGE EGGS 3.99",
    "BUTTER UNSALTED 4.10",
    "SUBTOTAL 19.22",
    "TAX 0.52",
    "TOTAL 19.74",
    "THANK YOU FOR SHOPPING",
)


def joined(*photographs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row.text for row in join_photographs([printed(lines) for lines in photographs]))


def printed(lines: tuple[str, ...]) -> tuple[Row, ...]:
    return tuple(
        Row(tuple(Word(word, 0, 1) for word in line.split()), 20.0 * number, 16.0)
        for number, line in enumerate(lines)
    )


def test_lines_that_both_photographs_show_count_once() -> None:
    assert joined(RECEIPT[:7], RECEIPT[4:]) == RECEIPT


def test_three_photographs_are_joined_in_order() -> None:
    assert joined(RECEIPT[:5], RECEIPT[3:9], RECEIPT[7:]) == RECEIPT


def test_misread_signs_do_not_hide_an_overlap() -> None:
    below = ("BANANA5 1.39", "S0URDOUGH BREAD 4.25", *RECEIPT[6:])
    assert joined(RECEIPT[:6], below) == RECEIPT


def test_lines_cut_by_the_edge_of_a_photograph_are_taken_from_the_other() -> None:
    assert joined((*RECEIPT[:7], "BUTTFR UN"), ("NANAS 1", *RECEIPT[5:])) == RECEIPT


def test_photographs_without_an_overlap_are_kept_whole() -> None:
    assert joined(RECEIPT[:6], RECEIPT[6:]) == RECEIPT


def test_one_similar_line_is_no_overlap() -> None:
    above, below = RECEIPT[:5], ("BANANAS 1.39", *RECEIPT[5:])
    assert joined(above, below) == (*above, *below)


def test_rules_and_short_amounts_are_no_overlap() -> None:
    above = (*RECEIPT[:4], "-----------", "1.00", "-----------")
    below = ("-----------", "1.00", "-----------", *RECEIPT[8:])
    assert joined(above, below) == (*above, *below)


def test_an_overlap_inside_the_photograph_above_is_none() -> None:
    below = (*RECEIPT[3:6], "COFFEE 7.00")
    assert joined(RECEIPT, below) == (*RECEIPT, *below)


@given(st.integers(2, 10), st.integers(2, 10))
def test_any_cut_of_a_receipt_is_mended(end: int, shown_again: int) -> None:
    start = max(0, end - shown_again)
    assert joined(RECEIPT[:end], RECEIPT[start:]) == RECEIPT


def test_no_photograph_has_no_rows() -> None:
    assert join_photographs([]) == ()
    assert join_photographs([(), printed(RECEIPT[:2])]) == printed(RECEIPT[:2])
