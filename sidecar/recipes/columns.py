"""Reads printed rows column by column where a page sets two texts side by side.

Recipe pages print the ingredients beside the steps. Where rows one below the other leave the same
stripe of the page free, what is left of it is read first. A table of foods and their amounts has
such a stripe too, but no foods on one of its sides; its rows stay whole.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, Protocol

from sidecar.ingredients.lines import parse_lines

_MIN_ROWS: Final = 3  # that have text on both sides of a stripe
_MIN_GAP: Final = 1.0  # of a stripe between two words, in heights of the row
_MAX_PLACES: Final = 200  # that are tried for a stripe
_NAMED_SHARE: Final = 0.6  # of the texts of each side, at least, name something


class Word(Protocol):
    """A recognized piece of text, in pixels of its page."""

    @property
    def text(self) -> str: ...

    @property
    def left(self) -> float: ...

    @property
    def right(self) -> float: ...


class Row(Protocol):
    """Words beside each other, from left to right."""

    @property
    def words(self) -> Sequence[Word]: ...

    @property
    def height(self) -> float: ...


def lines_of(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a page's rows from top to bottom, those of two columns one by one."""
    stripe = _stripe(rows)
    if stripe is None:
        return [_text(row.words) for row in rows]
    lines: list[str] = []
    for crosses, members in groupby(rows, key=lambda row: _crosses(row, stripe)):
        block = list(members)
        if crosses:
            lines += [_text(row.words) for row in block]
            continue
        sides = [_sides(row, stripe) for row in block]
        if _are_columns([(left, right) for left, right in sides if left and right]):
            lines += [left for left, _ in sides if left]
            lines += [right for _, right in sides if right]
        else:
            lines += [_text(row.words) for row in block]
    return lines


def _stripe(rows: Sequence[Row]) -> float | None:
    """Return the place between two columns, None where there are no columns."""
    places = [
        (before.right + after.left) / 2
        for row in rows
        for before, after in zip(row.words, row.words[1:], strict=False)
        if after.left - before.right > _MIN_GAP * row.height
    ]
    places = places[:: 1 + len(places) // _MAX_PLACES]
    best = max(places, key=lambda place: _support(rows, place), default=None)
    return best if best is not None and _support(rows, best) >= _MIN_ROWS else None


def _support(rows: Sequence[Row], place: float) -> int:
    """Return how many rows have text on both sides, less those that cross the place."""
    sides = [_sides(row, place) for row in rows if not _crosses(row, place)]
    return sum(bool(left and right) for left, right in sides) - (len(rows) - len(sides))


def _crosses(row: Row, place: float) -> bool:
    return any(word.left < place < word.right for word in row.words)


def _sides(row: Row, place: float) -> tuple[str, str]:
    return (
        _text([word for word in row.words if word.right <= place]),
        _text([word for word in row.words if word.left >= place]),
    )


def _are_columns(pairs: Sequence[tuple[str, str]]) -> bool:
    """Return whether both sides name things, so that neither holds the other's amounts."""
    if len(pairs) < _MIN_ROWS:
        return False
    return all(
        sum(bool(line.name) for line in parse_lines(list(side))) >= _NAMED_SHARE * len(side)
        for side in zip(*pairs, strict=True)
    )


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)
