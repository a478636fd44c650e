"""The values that the stages of the reader exchange: pixels, boxes and recognized text."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""A page: shape (height, width, 3), blue-green-red, 0..255."""

Boxes = npt.NDArray[np.float32]
"""Quadrilaterals, shape (n, 4, 2): x, y of top left, top right, bottom right, bottom left."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One recognized character."""

    char: str
    confidence: float
    x: float
    """Its center along the text's box, 0 (left) to 1."""
    runner_up: str = ""
    """The next most likely character, or "" when none is near."""


@dataclass(frozen=True, slots=True)
class Text:
    """One recognized piece of a line, with its position."""

    box: tuple[tuple[float, float], ...]
    """Four corners (x, y) in pixels from top left, clockwise."""
    glyphs: tuple[Glyph, ...]

    @property
    def text(self) -> str:
        return "".join(glyph.char for glyph in self.glyphs)

    @property
    def confidence(self) -> float:
        """Mean probability of its characters, 0 to 1."""
        return sum(g.confidence for g in self.glyphs) / max(1, len(self.glyphs))


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """A page of a PDF that is one picture, with the text layer that a scanner app put over it."""

    texts: tuple[Text, ...]
    """With positions in pixels."""
    pixels: Pixels
