"""Pages with their text boxes: the first detection, and closer ones of the part that holds text."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.ocr.recognizer import Print, print_of_texts
from sidecar.receipts.ocr.reuse import reusable
from sidecar.receipts.pages.decode import WORKING_PIXELS
from sidecar.receipts.pages.orientation import detect_rotation, rotate_page
from sidecar.receipts.types import Boxes, Pixels, Text

_LONG_SIDE = 960  # pixels, of a page in the first pass
_SHORT_SIDE = 416  # pixels that a long receipt keeps of its width in the first pass
_MAX_SIDE = 2560  # pixels, in any pass
_MAX_SCALE = 1.5
_MARGIN = 2  # line heights around the part that holds text


@dataclass(frozen=True, slots=True)
class DetectedPage:
    """A page and its text boxes."""

    pixels: Pixels
    """Upright."""
    boxes: Boxes
    quarters: int
    """Quarter turns, counter-clockwise, that turned it upright."""
    known: Mapping[int, Text] = field(default_factory=dict)
    """Texts of an earlier pass, by the index of their box here."""
    printed: Print | None = None
    """How the page is printed, once it was recognized."""


def detect(page: Pixels, ocr: OcrEngine) -> DetectedPage:
    """Return the page upright, reduced if it is much larger than reading needs, with its boxes."""
    page = _shrink(page)
    boxes = ocr.detect(page, *_first_size(page))
    quarters = detect_rotation(page, boxes, ocr)
    page, boxes = rotate_page(page, boxes, quarters)
    if quarters % 2:  # on a page on its side, short lines above one another were joined
        boxes = ocr.detect(page, *_first_size(page))
    return DetectedPage(page, boxes, quarters)


def detect_again(
    page: DetectedPage, texts: Mapping[int, Text], text_height: int, ocr: OcrEngine
) -> DetectedPage:
    """Detect the boxes in the part of the page that holds text, with lines scaled to `text_height`.

    `texts` were recognized in the boxes of `page`; those in the same place are known in the result.
    """
    boxes = page.boxes
    if not len(boxes):
        return page
    line = float(np.median(np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)))
    corners = boxes.reshape(-1, 2)
    left, top = np.maximum(0, np.percentile(corners, 1, axis=0) - _MARGIN * line).astype(int)
    right, bottom = (np.percentile(corners, 99, axis=0) + _MARGIN * line).astype(int)
    part = page.pixels[top:bottom, left:right]
    scale = min(text_height / line, _MAX_SIDE / max(part.shape[:2]), _MAX_SCALE)
    closer = ocr.detect(part, round(part.shape[1] * scale), round(part.shape[0] * scale))
    closer = closer + np.array([left, top], dtype=np.float32)
    return replace(
        page,
        boxes=closer,
        known=reusable(closer, boxes, texts),
        printed=print_of_texts(texts.values()),
    )


def _first_size(page: Pixels) -> tuple[int, int]:
    """Return width and height for the first pass: the long side is bounded, the short one kept."""
    height, width = page.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = min(1.0, max(_LONG_SIDE / long, _SHORT_SIDE / short), _MAX_SIDE / long)
    return round(width * scale), round(height * scale)


def _shrink(page: Pixels) -> Pixels:
    import cv2

    height, width = page.shape[:2]
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return page
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
