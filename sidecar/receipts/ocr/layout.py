"""Groups recognized texts into rows: the printed lines, with the position of each word.

Rows are chained from left to right: a piece joins the row whose right end it overlaps most in
height, after the page's median slope is removed. Chaining follows a crease or a curl that a single
slope for the page would cut through.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sidecar.receipts.types import Glyph, Text

_MIN_OVERLAP = 0.45  # of the lower piece's height, for two pieces to be on one line
_MAX_SIDE_OVERLAP = 0.35  # of the narrower piece's width; above it the pieces are stacked


@dataclass(frozen=True, slots=True)
class Word:
    """A run without spaces, with its position on the page in pixels."""

    text: str
    left: float
    right: float
    glyphs: tuple[Glyph, ...] = ()

    @property
    def confidence(self) -> float:
        """Mean probability of its characters; 1 for text that was not recognized but given."""
        return sum(g.confidence for g in self.glyphs) / len(self.glyphs) if self.glyphs else 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line: words from left to right, its vertical middle and its height in pixels."""

    words: tuple[Word, ...]
    middle: float
    height: float

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return self.words[-1].right

    @property
    def confidence(self) -> float:
        return statistics.fmean(word.confidence for word in self.words)


def rows_of(texts: Iterable[Text]) -> tuple[Row, ...]:
    """Return the rows from top to bottom; `texts` are those of one upright page in any order."""
    pieces = [_Piece.of(text) for text in texts if text.text.strip()]
    if not pieces:
        return ()
    slope = _median_slope(pieces)
    pieces = [piece.leveled(slope) for piece in pieces]
    chains: list[list[_Piece]] = []
    # The last piece of each chain; all are compared at once: a page may have thousands of rows.
    ends = np.empty((len(pieces), 4))
    for piece in sorted(pieces, key=lambda p: p.left):
        overlaps = _overlaps(ends[: len(chains)], piece)
        best = int(overlaps.argmax()) if chains else 0
        if chains and overlaps[best] >= _MIN_OVERLAP:
            chains[best].append(piece)
        else:
            best = len(chains)
            chains.append([piece])
        ends[best] = piece.left, piece.right, piece.right_middle, piece.height
    rows = [_row(chain) for chain in chains]
    return tuple(sorted((row for row in rows if row.words), key=lambda row: row.middle))


@dataclass(frozen=True, slots=True)
class _Piece:
    text: Text
    left: float
    right: float
    left_middle: float
    right_middle: float
    height: float

    @classmethod
    def of(cls, text: Text) -> "_Piece":
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = text.box
        height = (math.dist((ax, ay), (dx, dy)) + math.dist((bx, by), (cx, cy))) / 2
        return cls(text, (ax + dx) / 2, (bx + cx) / 2, (ay + dy) / 2, (by + cy) / 2, height)

    @property
    def slope(self) -> float:
        return (self.right_middle - self.left_middle) / max(1.0, self.right - self.left)

    def leveled(self, slope: float) -> "_Piece":
        return replace(
            self,
            left_middle=self.left_middle - slope * self.left,
            right_middle=self.right_middle - slope * self.right,
        )


def _median_slope(pieces: list[_Piece]) -> float:
    """Return the slope at half of all printed width: long pieces are more exact than short ones."""
    ordered = sorted(pieces, key=lambda piece: piece.slope)
    half = sum(piece.right - piece.left for piece in ordered) / 2
    for piece in ordered:
        half -= piece.right - piece.left
        if half <= 0:
            return piece.slope
    return 0.0


def _overlaps(ends: NDArray[np.float64], piece: _Piece) -> NDArray[np.float64]:
    """Return the share of height that piece and each chain's end have in common.

    It is below 0 where they are stacked. `ends` has left, right, right middle and height of each
    chain's last piece; shape (chains, 4).
    """
    left, right, middle, height = ends.T
    narrower = np.minimum(right - left, piece.right - piece.left)
    top = np.maximum(middle - height / 2, piece.left_middle - piece.height / 2)
    bottom = np.minimum(middle + height / 2, piece.left_middle + piece.height / 2)
    shares = (bottom - top) / np.maximum(1.0, np.minimum(height, piece.height))
    stacked = right - piece.left > _MAX_SIDE_OVERLAP * narrower
    return np.where(stacked, -1.0, shares)


def _row(chain: list[_Piece]) -> Row:
    words = [word for piece in chain for word in _words(piece)]
    middle = statistics.fmean((p.left_middle + p.right_middle) / 2 for p in chain)
    return Row(tuple(words), middle, statistics.median(piece.height for piece in chain))


def _words(piece: _Piece) -> list[Word]:
    words: list[Word] = []
    run: list[Glyph] = []
    for glyph in (*piece.text.glyphs, Glyph(" ", 1.0, 1.0)):
        if glyph.char.strip():
            run.append(glyph)
        elif run:
            words.append(_word(run, piece))
            run = []
    return words


def _word(run: list[Glyph], piece: _Piece) -> Word:
    width = piece.right - piece.left
    half = 0.5 / max(1, len(piece.text.glyphs))  # a glyph's x is its center
    left = piece.left + width * max(0.0, run[0].x - half)
    right = piece.left + width * min(1.0, run[-1].x + half)
    return Word("".join(glyph.char for glyph in run), left, right, tuple(run))
