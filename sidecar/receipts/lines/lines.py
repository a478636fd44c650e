"""Rows split into amounts and words, with the role of each: the input of the field readers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sidecar.receipts.lines.amounts import Amount, Mark, decimal_mark, split_amounts
from sidecar.receipts.lines.line_roles import LineRole, role_of
from sidecar.receipts.ocr.layout import Row, Word


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One printed line of a receipt."""

    row: Row
    amounts: tuple[Amount, ...]
    """Left to right."""
    words: tuple[Word, ...]
    """The words that are not amounts."""
    role: LineRole | None

    @property
    def text(self) -> str:
        return self.row.text

    @property
    def label(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def letters(self) -> int:
        return sum(char.isalpha() for word in self.words for char in word.text)


@dataclass(frozen=True, slots=True)
class ReceiptLines:
    """All lines from top to bottom, and their decimal mark."""

    lines: tuple[ReceiptLine, ...]
    mark: Mark

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


def lines_from_rows(rows: Sequence[Row], default_mark: Mark = ".") -> ReceiptLines:
    """Return the rows of one receipt as lines; `default_mark` applies when none is shown."""
    mark = decimal_mark(rows, default_mark)
    lines = [_line(row, mark) for row in rows]
    return ReceiptLines(tuple(_with_amounts_below(lines)), mark)


def _line(row: Row, mark: Mark) -> ReceiptLine:
    amounts, others = split_amounts(row, mark)
    label = " ".join(word.text for word in others)
    role = role_of(label) if any(map(str.isalpha, label)) else None
    if role is LineRole.COLUMNS and (amounts or re.search(r"\d", label)):
        role = LineRole.COUNT if "TOTAL" not in label.upper() else LineRole.TOTAL
    return ReceiptLine(row, amounts, others, role)


_SUMS = {
    LineRole.TOTAL, LineRole.SUBTOTAL, LineRole.TENDERED, LineRole.CHANGE, LineRole.TAX,
    LineRole.ROUNDING,
}  # fmt: skip


def _with_amounts_below(lines: list[ReceiptLine]) -> list[ReceiptLine]:
    """Join a bare "TOTAL" and the bare amount on the line below it."""
    joined: list[ReceiptLine] = []
    for line in lines:
        above = joined[-1] if joined else None
        if (
            above is not None
            and above.role in _SUMS
            and not above.amounts
            and len(line.amounts) == 1
            and line.letters <= 2
            and line.row.middle - above.row.middle < 2.2 * max(line.row.height, above.row.height)
        ):
            joined[-1] = replace(above, amounts=line.amounts)
        else:
            joined.append(line)
    return joined
