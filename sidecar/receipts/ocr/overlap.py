"""Joins the rows of photographs that show a long receipt from top to bottom.

The end of one photograph is often the start of the next. Lines that both show are kept once.
"""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from sidecar.receipts.ocr.layout import Row

_WINDOW = 30  # rows at the end of a photograph, and at the start of the next, that may be the same
_MIN_ROWS = 2  # that both photographs show
_MIN_SIGNS = 8  # letters and digits of the shared rows: two short amounts or rules prove nothing
_SIMILAR = 80  # per cent, of two readings of one row
_CUT_ROWS = 2  # at the edge of a photograph that may be cut through or misread
_BLANKS = re.compile(r"\s+")


def join_photographs(photographs: Sequence[Sequence[Row]]) -> tuple[Row, ...]:
    """Return the rows of all photographs in order, those that two in a row both show once."""
    joined: list[Row] = []
    for rows in photographs:
        kept, first = _seam(joined, rows)
        joined = [*joined[:kept], *rows[first:]]
    return tuple(joined)


def _seam(above: Sequence[Row], below: Sequence[Row]) -> tuple[int, int]:
    """Return how many rows of `above` to keep, and the first row of `below` that follows them.

    Of the alignments whose rows are all similar, the longest counts. It reaches from the start of
    `below` to the end of `above`, less the rows at the edges that a photograph cuts through.
    """
    upper = [_signs(row) for row in above[-_WINDOW:]]
    lower = [_signs(row) for row in below[:_WINDOW]]
    offset = len(above) - len(upper)
    best = (0, 0)
    seam = (len(above), 0)
    for start in range(len(upper)):
        for skipped in range(min(_CUT_ROWS + 1, len(lower))):
            length = _similar_rows(upper[start:], lower[skipped:])
            if start + length < len(upper) - _CUT_ROWS or length < _MIN_ROWS:
                continue
            shared = "".join(lower[skipped : skipped + length])
            size = (length, sum(map(str.isalnum, shared)))
            if size > best and size[1] >= _MIN_SIGNS:
                best = size
                seam = (offset + start + length, skipped + length)
    return seam


def _similar_rows(upper: Sequence[str], lower: Sequence[str]) -> int:
    """Return how many rows from the start are similar in both."""
    count = 0
    for one, other in zip(upper, lower, strict=False):
        if fuzz.ratio(one, other) < _SIMILAR:
            break
        count += 1
    return count


def _signs(row: Row) -> str:
    return _BLANKS.sub("", row.text).casefold()
