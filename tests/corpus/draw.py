"""Draws printed lines as in a photo: thermal noise, skew, creases, shadow, a table.

All randomness comes from a `random.Random` parameter, so equal seeds give equal images.
"""

import random
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tests.corpus.till import Printed

Pixels = npt.NDArray[np.uint8]

FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansCondensed.ttf", "default")
_MARGIN = 2  # characters around the text


@dataclass(frozen=True)
class Degradation:
    """The defects of a picture; the default is a clean scan."""

    skew: float = 0.0
    """Degrees, clockwise."""
    turns: Literal[0, 1, 2, 3] = 0
    """Quarter turns, counter-clockwise."""
    noise: float = 0.0
    """Standard deviation of gray levels, 0 to 40."""
    fade: float = 0.0
    """Lost share of the print's darkness, 0 to 0.7."""
    creases: int = 0
    perspective: float = 0.0
    """Maximum shift of corners, as a share of the width, 0 to 0.08."""
    blur: float = 0.0
    """Gaussian sigma in pixels."""
    table: bool = False
    """Background of a darker, patterned table."""


def draw(
    printed: Printed, rng: random.Random, degradation: Degradation, font: str, size: int = 22
) -> Pixels:
    """Return the receipt as a picture, shape (height, width, 3), blue-green-red."""
    page = _print(printed, font, size)
    if degradation.fade:
        page = (255 - (255 - page.astype(np.float32)) * (1 - degradation.fade)).astype(np.uint8)
    for _ in range(degradation.creases):
        page = _crease(page, rng)
    if degradation.table:
        page = _on_table(page, rng)
    if degradation.perspective:
        page = _tilt(page, rng, degradation.perspective)
    if degradation.skew:
        page = _rotate(page, degradation.skew)
    if degradation.blur:
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), degradation.blur), dtype=np.uint8)
    if degradation.noise:
        grain = np.random.default_rng(rng.randrange(2**32)).normal(
            0, degradation.noise, page.shape[:2]
        )
        page = np.clip(page + grain[..., None], 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(page, degradation.turns))


def _font(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if name == "default":
        return ImageFont.load_default(size)
    return ImageFont.truetype(name, size)


def _print(printed: Printed, font: str, size: int) -> Pixels:
    """Draw the text; words keep their column of the character grid in every font."""
    face, large = _font(font, size), _font(font, round(size * 1.5))
    cell = size * 0.602  # the advance of a monospaced character
    columns = max(len(line) for line in printed.lines) + 2 * _MARGIN
    step = round(size * 1.35)
    height = step * (len(printed.lines) + 2 * _MARGIN) + size * len(printed.big)
    width = round(cell * columns)
    image = Image.new("L", (width, height), 250)
    ink = ImageDraw.Draw(image)
    y = step * _MARGIN
    for number, line in enumerate(printed.lines):
        if number in printed.big or (number < 4 and line.strip() and "  " not in line.strip()):
            chosen = large if number in printed.big else face
            ink.text((width / 2, y), line.strip(), fill=20, font=chosen, anchor="ma")
            y += step + (size if number in printed.big else 0)
            continue
        for left, right, text in _cells(line):
            if right == len(line) and left > 0:
                ink.text(((_MARGIN + right) * cell, y), text, fill=25, font=face, anchor="ra")
            else:
                ink.text(((_MARGIN + left) * cell, y), text, fill=25, font=face, anchor="la")
        y += step
    return np.repeat(np.asarray(image)[..., None], 3, axis=2)


def _cells(line: str) -> list[tuple[int, int, str]]:
    """Return (first column, past the last, text) of the parts between two or more spaces."""
    cells, start = [], 0
    for part in line.split("  "):
        text = part.strip()
        if text:
            left = line.index(text, start)
            cells.append((left, left + len(text), text))
            start = left + len(text)
    return cells


def _crease(page: Pixels, rng: random.Random) -> Pixels:
    """Draw a fold across: a dark and a light line, and the paper below shifted a little."""
    height, width = page.shape[:2]
    y, slope = rng.randrange(height // 10, height), rng.uniform(-0.05, 0.05)
    rows = np.arange(height)[:, None] - y - slope * np.arange(width)[None, :]
    shade = 18 * np.exp(-((rows / 3) ** 2)) - 8 * np.exp(-(((rows - 5) / 4) ** 2))
    shift = (rng.uniform(-1.5, 1.5) * (rows > 0)).astype(np.float32)
    x_map = np.arange(width, dtype=np.float32)[None, :] + shift
    y_map = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    bent = cv2.remap(page, x_map, y_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(bent - shade[..., None], 0, 255).astype(np.uint8)


def _on_table(page: Pixels, rng: random.Random) -> Pixels:
    height, width = page.shape[:2]
    border = width // 5
    generator = np.random.default_rng(rng.randrange(2**32))
    grain = generator.normal(0, 12, (height + 2 * border, 1, 1)) + generator.normal(
        0, 5, (height + 2 * border, width + 2 * border, 1)
    )
    table = np.clip(np.array([60, 85, 120]) + grain, 0, 255).astype(np.uint8)
    table[border : border + height, border : border + width] = page
    return table


def _tilt(page: Pixels, rng: random.Random, max_shift: float) -> Pixels:
    height, width = page.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    moved = np.array(
        [[rng.uniform(0, max_shift) * width for _ in "xy"] for _ in range(4)], dtype=np.float32
    )
    target = flat + moved * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(flat, target)
    return np.asarray(
        cv2.warpPerspective(page, matrix, (width, height), borderValue=(70, 90, 110)),
        dtype=np.uint8,
    )


def _rotate(page: Pixels, degrees: float) -> Pixels:
    height, width = page.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, high = round(height * sin + width * cos), round(height * cos + width * sin)
    matrix[:, 2] += (wide / 2 - width / 2, high / 2 - height / 2)
    turned = cv2.warpAffine(page, matrix, (wide, high), borderValue=(120, 130, 135))
    return np.asarray(turned, dtype=np.uint8)
