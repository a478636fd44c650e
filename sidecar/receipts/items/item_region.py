"""The lines of a receipt that can hold items: those between its heading and its summary."""

import re
from collections.abc import Sequence

from sidecar.receipts.lines.line_roles import LineRole, fold, plain_of
from sidecar.receipts.lines.lines import ReceiptLine
from sidecar.receipts.lines.names import name_of, names_something, span_of
from sidecar.receipts.word_lists import load, one_line

_DEPARTMENTS = one_line(load("items")["departments"])
_JOINT = load("items")["department_joint"]
_DEPARTMENT_HEADING = re.compile(
    rf"^\W*(?:\d{{1,2}}\s?[-.:]?\s?)?(?:{_DEPARTMENTS})(?:(?:{_JOINT})+(?:{_DEPARTMENTS}))*\W*$"
)
_MARKED_HEADING = re.compile(
    r"^(?:\d{2}\s?-\s?|[>»]{1,6} ?|\*{2,} ?|={2,} ?|-{2,} ?)[A-Z][A-Z &/.]{3,}\W*$|^[A-Z][A-Z &/.]{3,}:$"
)
_CLOCK = re.compile(r"\d[:.]\d{2}[:.]\d{2}|\d{1,2}:\d{2}|\d[/-]\d{1,2}[/-]\d{2}")
_SUMMARY_WITHOUT_AMOUNT = {LineRole.COUNT, LineRole.TAX_TABLE, LineRole.TOTAL, LineRole.SUBTOTAL}
_AFTER_THE_TOTAL = {LineRole.TENDERED, LineRole.CHANGE}  # before it, they are food: BAR DARK CHOC
_REDUCTIONS = {LineRole.DISCOUNT, LineRole.POINTS, LineRole.SAVINGS, LineRole.NOT_CHARGED}
_SUMMARY = {*LineRole} - _REDUCTIONS - {LineRole.COLUMNS, LineRole.META}
_MAX_REGIONS = 5


def regions_of(lines: Sequence[ReceiptLine]) -> tuple[tuple[int, int], ...]:
    """Return the possible (first, past-the-end) indices of the item lines, most likely first.

    A line with a word of the summary ("TAX FREE HONEY 3.99") may end them, or be an item.
    """
    heading = _heading(lines)
    first = next(
        (i for i in range(heading + 1, len(lines)) if _is_price_line(lines[i], heading >= 0)), None
    )
    if first is None:
        summary = next((i for i, line in enumerate(lines) if _in_summary(line)), 0)
        return ((summary, summary),)
    start = heading + 1
    if heading < 0:
        start = first
        if names_something(name_of(lines[first], None)):
            start -= int(_wraps(lines, first))
        else:
            while first - start < min(3, first) and _may_be_name(lines[start - 1], lines[start]):
                start -= 1
    sum_line = next((i for i, line in enumerate(lines) if i >= first and _is_sum(line)), 0)
    ends = [
        i
        for i in range(max(first, start), len(lines))
        if _in_summary(lines[i]) and not (i < sum_line and lines[i].role in _AFTER_THE_TOTAL)
    ] or [len(lines)]
    return tuple((start, max(start, end)) for end in ends[:_MAX_REGIONS])


def quantity_first(lines: Sequence[ReceiptLine]) -> bool:
    """Whether the column heading has the quantity before the name."""
    for line in lines:
        if line.role is LineRole.COLUMNS:
            text = fold(line.text)
            quantity = re.search(r"\bQTY|QUANTITY|MENGE|ANZ\b|AANTAL|\bQTE\b|CANT|MANGD", text)
            name = re.search(r"DESC|ITEM|ARTI|PRODUCT|BEZEICH|OMSCHR|LIBELLE|BESKR", text)
            if quantity and name:
                return quantity.start() < name.start()
    return False


def is_informational(line: ReceiptLine) -> bool:
    """Whether it is a discount of zero, or savings and points that are not taken off the sum."""
    if line.role is LineRole.DISCOUNT:
        return not any(amount.value for amount in line.amounts)
    return line.role in _REDUCTIONS and not any(amount.value < 0 for amount in line.amounts)


def _heading(lines: Sequence[ReceiptLine]) -> int:
    """Return the last line of the first column heading above the summary, or -1."""
    summary = next(
        (i for i, line in enumerate(lines) if line.amounts and line.role in _SUMMARY), len(lines)
    )
    heading = next((i for i in range(summary) if lines[i].role is LineRole.COLUMNS), -1)
    while 0 <= heading < summary - 1 and lines[heading + 1].role is LineRole.COLUMNS:
        heading += 1
    return heading


def _is_price_line(line: ReceiptLine, below_heading: bool) -> bool:
    with_cents = any(amount.decimals == 2 and not amount.repaired for amount in line.amounts)
    if not (with_cents or (line.amounts and below_heading)) or _CLOCK.search(line.text):
        return False
    if line.role is LineRole.META:
        return below_heading or not re.search(r"[:#]", line.text)
    return line.role in (None, LineRole.DISCOUNT)


def _in_summary(line: ReceiptLine) -> bool:
    return line.role in _SUMMARY and (
        bool(line.amounts)
        or (line.role in _SUMMARY_WITHOUT_AMOUNT and not is_department_heading(line.text))
    )


def _is_sum(line: ReceiptLine) -> bool:
    return line.role in (LineRole.TOTAL, LineRole.SUBTOTAL) and bool(line.amounts)


def _wraps(lines: Sequence[ReceiptLine], first: int) -> bool:
    """Whether the name on the first price line starts on the line above it: no further word fits
    there, and the till's own lines (date, cashier) separate it from the shop's address.
    """
    if first < 2 or not _may_be_name(lines[first - 1], lines[first]):
        return False
    before, above, below = lines[first - 2 : first + 1]
    left, word, _ = span_of(below, name_of(below, None))
    priced = [line for line in lines[first:] if line.amounts and line.role is None]
    if not priced:
        return False
    right_edge = max(span_of(line, name_of(line, None))[2] for line in priced)
    return (
        (before.role is LineRole.META or bool(_CLOCK.search(before.text)))
        and abs(above.row.left - left) < above.row.height
        and above.row.right + (word - left) > right_edge
        and above.row.right < below.amounts[-1].word.left
    )


def _may_be_name(line: ReceiptLine, below: ReceiptLine) -> bool:
    return (
        line.role is None
        and not line.amounts
        and not is_department_heading(line.text)
        and line.letters >= 1
        and below.row.middle - line.row.middle < 2.2 * max(line.row.height, below.row.height)
        and not re.search(r":|\b\d{5}\b|\(\w+-\w+\)|\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}", line.text)
    )


def is_department_heading(text: str) -> bool:
    """Whether a line without an amount is a heading, by its words or the signs before it."""
    plain = plain_of(text).strip()
    return bool(_DEPARTMENT_HEADING.match(plain) or _MARKED_HEADING.match(plain))
