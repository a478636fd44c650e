"""Rows with their amounts taken out and their role known: what the field readers work on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sidecar.receipts.lines.amounts import Amount, Mark, decimal_mark, figures
from sidecar.receipts.lines.line_roles import LineRole, role_of
from sidecar.receipts.ocr.layout import Row, Word


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One printed line of a receipt."""

    row: Row
    figures: tuple[Amount, ...]
    """Its amounts, left to right."""
    words: tuple[Word, ...]
    """What is no amount."""
    role: LineRole | None

    @property
    def label(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def letters(self) -> int:
        return sum(char.isalpha() for word in self.words for char in word.text)


@dataclass(frozen=True, slots=True)
class ReceiptLines:
    """All lines from top to bottom, and the decimal mark they share."""

    lines: tuple[ReceiptLine, ...]
    mark: Mark

    @property
    def text(self) -> str:
        return "\n".join(line.row.text for line in self.lines)


def lines_from_rows(rows: Sequence[Row], otherwise: Mark = ".") -> ReceiptLines:
    """The rows of one receipt as lines; `otherwise` is its decimal mark when none is shown."""
    mark = decimal_mark(rows, otherwise)
    lines = [_line(row, mark) for row in rows]
    return ReceiptLines(tuple(_with_amounts_below(lines)), mark)


def _line(row: Row, mark: Mark) -> ReceiptLine:
    found, others = figures(row, mark)
    label = " ".join(word.text for word in others)
    role = role_of(label) if any(map(str.isalpha, label)) else None
    if role is LineRole.COLUMNS and (found or re.search(r"\d", label)):
        role = LineRole.COUNT if "TOTAL" not in label.upper() else LineRole.TOTAL
    return ReceiptLine(row, found, others, role)


_SUMMED = {
    LineRole.TOTAL,
    LineRole.SUBTOTAL,
    LineRole.TENDERED,
    LineRole.CHANGE,
    LineRole.TAX,
    LineRole.ROUNDING,
}


def _with_amounts_below(lines: list[ReceiptLine]) -> list[ReceiptLine]:
    """A bare "TOTAL" followed by a bare amount is one line printed on two."""
    joined: list[ReceiptLine] = []
    for line in lines:
        above = joined[-1] if joined else None
        if (
            above is not None
            and above.role in _SUMMED
            and not above.figures
            and len(line.figures) == 1
            and line.letters <= 2
            and line.row.middle - above.row.middle < 2.2 * max(line.row.height, above.row.height)
        ):
            joined[-1] = replace(above, figures=line.figures)
        else:
            joined.append(line)
    return joined
