"""Which way up a page is: quarter turns found from its boxes and a few of its words.

EXIF tells how the camera was held, not how the receipt lay. Boxes of lines are wide on an upright
page, so tall ones mean a quarter turn; which of the two remaining ways is right, the line
classifier of RapidOCR's wheel says, and where its votes split, the recogniser.
"""

import numpy as np

from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.types import Boxes, Pixels

_SAMPLE = 9  # lines that vote
_SURE = 0.8  # share of votes that needs no second opinion
_TALL = 1.5  # height over width of a box that holds a line on its side


def detect_rotation(page: Pixels, boxes: Boxes, ocr: OcrEngine) -> int:
    """By how many quarters, counter-clockwise, the page must be turned for its text to read from
    left to right: 0 to 3.
    """
    if len(boxes) == 0:
        return 0
    quarters = int(_on_its_side(boxes))
    page, boxes = rotate_page(page, boxes, quarters)
    sample = _longest(boxes)
    down = ocr.upside_down(page, sample)
    if 1 - _SURE < down < _SURE:
        over, over_sample = rotate_page(page, sample, 2)
        down = float(_legibility(over, over_sample, ocr) > _legibility(page, sample, ocr))
    return quarters + 2 if down > 0.5 else quarters


def rotate_page(page: Pixels, boxes: Boxes, quarters: int) -> tuple[Pixels, Boxes]:
    """Page and boxes turned counter-clockwise by that many quarters; corners start top left."""
    height, width = page.shape[:2]
    return (
        np.ascontiguousarray(np.rot90(page, quarters)),
        rotate_boxes(boxes, width, height, quarters),
    )


def rotate_boxes(boxes: Boxes, width: int, height: int, quarters: int) -> Boxes:
    """The boxes of a page of that size, turned with it."""
    for _ in range(quarters % 4):
        boxes = np.stack([boxes[..., 1], width - 1 - boxes[..., 0]], axis=-1)
        boxes = np.roll(boxes, -1, axis=1)  # the old top right is the new top left
        width, height = height, width
    return boxes.astype(np.float32)


def _sides(boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    wide = np.linalg.norm(boxes[:, 0] - boxes[:, 1], axis=1)
    high = np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)
    return wide, high


def _on_its_side(boxes: Boxes) -> bool:
    """Whether more text, by length, stands in tall boxes than in wide ones."""
    wide, high = _sides(boxes)
    return float(high[high > _TALL * wide].sum()) > float(wide[wide > _TALL * high].sum())


def _longest(boxes: Boxes) -> Boxes:
    wide, _ = _sides(boxes)
    return boxes[np.argsort(-wide)[:_SAMPLE]]


def _legibility(page: Pixels, boxes: Boxes, ocr: OcrEngine) -> float:
    texts = [text for batch in ocr.recognise(page, boxes) for _, text in batch]
    return sum(text.confidence * len(text.glyphs) for text in texts)
