"""Draws lines of text as a till prints them and a telephone photographs them.

Each is a picture of the recognizer's height, as `crops.crop` cuts it out of a page.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sidecar.receipts.ocr.crops import HEIGHT
from sidecar.receipts.types import Pixels

_SLANTED = ("italic", "oblique")
_MONOSPACED = 4  # times as often as others: tills print them
_ADVANCE = (9.0, 26.0)  # pixels of a character's width, in a line of the recognizer's height
_SIZE = 44  # of the type that lines are drawn in


def fonts_in(folders: Iterable[Path], letters: str) -> list[Path]:
    """Return the upright fonts in `folders` that have most of the letters."""
    paths = (path for folder in folders for path in sorted(folder.rglob("*.[ot]tf")))
    return [
        p
        for p in paths
        if not any(word in p.name.lower() for word in _SLANTED) and _has(p, letters)
    ]


class LineDrawer:
    """Draws lines in fonts; equal seeds give equal lines."""

    def __init__(self, fonts: Sequence[Path], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._fonts = [ImageFont.truetype(str(path), _SIZE) for path in fonts]
        families = [font.getname()[0] for font in self._fonts]
        fixed = [font.getlength("i") == font.getlength("Ж") for font in self._fonts]
        weights = np.array(
            [
                (_MONOSPACED if f else 1) / families.count(n)
                for f, n in zip(fixed, families, strict=True)
            ]
        )
        self._weights = weights / weights.sum()

    def draw(self, text: str) -> Pixels | None:
        """Return the line, shape (HEIGHT, width, 3); None if no font tried has all its letters."""
        for _ in range(5):
            font = self._fonts[self._rng.choice(len(self._fonts), p=self._weights)]
            if all(_draws(font, char) for char in set(text)):
                return self._photographed(self._printed(text, font), len(text))
        return None

    def _printed(self, text: str, font: ImageFont.FreeTypeFont) -> Pixels:
        """Return dark print on white, cut to the ink, with a border."""
        rng = self._rng
        left, top, right, bottom = font.getbbox(text)
        border = 24
        size = (round(right - left) + 2 * border, round(bottom - top) + 2 * border)
        image = Image.new("L", size, 255)
        weight = int(rng.random() < 0.15)
        draw = ImageDraw.Draw(image)
        draw.text((border - left, border - top), text, font=font, fill=0, stroke_width=weight)
        ink: Any = np.asarray(image)
        if rng.random() < 0.35:  # the dots of a printer's head
            dots = rng.integers(16, 30) / _SIZE
            small = cv2.resize(ink, None, fx=dots, fy=dots, interpolation=cv2.INTER_AREA)
            small = np.where(small < rng.integers(110, 190), 0, 255).astype(np.uint8)
            smooth = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_LINEAR
            ink = cv2.resize(small, size, interpolation=smooth)
        return np.asarray(ink, dtype=np.uint8)

    def _photographed(self, ink: Pixels, length: int) -> Pixels:
        rng = self._rng
        ink = _warped(ink, rng)
        rows, columns = np.flatnonzero((ink < 128).any(1)), np.flatnonzero((ink < 128).any(0))
        if not len(rows):
            rows, columns = np.arange(ink.shape[0]), np.arange(ink.shape[1])
        high = rows[-1] - rows[0] + 1
        above, below = (high * rng.uniform(0.02, 0.3, 2)).astype(int)
        before, behind = (high * rng.uniform(0.05, 0.45, 2)).astype(int)
        y, x = max(0, rows[0] - above), max(0, columns[0] - before)
        ink = ink[y : rows[-1] + below + 1, x : columns[-1] + behind + 1]
        natural = ink.shape[1] * HEIGHT / ink.shape[0] * rng.uniform(0.7, 1.25)
        width = round(float(np.clip(natural, _ADVANCE[0] * length, _ADVANCE[1] * length)))
        if rng.random() < 0.5:  # a photograph from afar
            share = rng.uniform(0.3, 0.9)
            far = (max(4, round(width * share)), max(10, round(HEIGHT * share)))
            ink = np.asarray(cv2.resize(ink, far, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        line: Any = cv2.resize(ink, (max(8, width), HEIGHT), interpolation=cv2.INTER_LINEAR)
        return _shaded(np.asarray(line, dtype=np.float32), rng)


def _warped(ink: Pixels, rng: np.random.Generator) -> Pixels:
    """Skew, slant and curl."""
    height, width = ink.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    skew = rng.normal(0, 0.006) * (x - width / 2)
    curl = rng.normal(0, 1.2) * np.sin(x / width * np.pi * rng.uniform(0.5, 2))
    slant = rng.normal(0, 0.05) * (y - height / 2)
    warped: Any = cv2.remap(
        ink,
        (x + slant).astype(np.float32),
        (y + skew + curl).astype(np.float32),
        cv2.INTER_LINEAR,
        borderValue=255,
    )
    return np.asarray(warped, dtype=np.uint8)


def _shaded(line: Any, rng: np.random.Generator) -> Pixels:
    """Return the line in the light of a photograph: faded, creased, blurred, with grain."""
    height, width = line.shape
    if rng.random() < 0.4:  # print that is missing in places
        holes = cv2.GaussianBlur(
            rng.random((height, width), dtype=np.float32), (0, 0), rng.uniform(0.8, 3)
        )
        cut = np.quantile(holes, rng.uniform(0.0, 0.08))
        line = np.where(holes < cut, 255, line)
    if rng.random() < 0.1:  # the head's dead row
        line[rng.integers(4, height - 4)] = 255
    if rng.random() < 0.12:
        crease = np.abs(np.arange(width) - rng.integers(0, width)) < rng.uniform(1, 3)
        line[:, crease] = line[:, crease] * 0.5 + 255 * rng.uniform(0.2, 0.5)
    if rng.random() < 0.6:
        line = cv2.GaussianBlur(line, (0, 0), rng.uniform(0.4, 1.9))
    paper, darkness = rng.uniform(120, 255), rng.uniform(0.35, 1.0) ** 0.7
    light = paper * (1 + rng.normal(0, 0.08) * np.linspace(-1, 1, width, dtype=np.float32))
    line = light * (1 - darkness * (1 - line / 255))
    if rng.random() < 0.7:
        line = line + rng.normal(0, rng.uniform(1, 16), line.shape)
    tint = 1 + rng.normal(0, 0.03, 3)
    colored = np.clip(line[..., None] * tint, 0, 255).astype(np.uint8)
    if rng.random() < 0.05:
        colored = 255 - colored
    return np.ascontiguousarray(colored)


def _has(path: Path, letters: str) -> bool:
    try:
        font = ImageFont.truetype(str(path), _SIZE)
    except OSError:
        return False
    return sum(_draws(font, char) for char in letters) > 0.8 * len(letters)


def _draws(font: ImageFont.FreeTypeFont, char: str) -> bool:
    if char.isspace():
        return True
    return bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))
