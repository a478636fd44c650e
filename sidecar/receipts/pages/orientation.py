"""Detects the rotation of a page by quarter turns, from its boxes and a few of its words.

EXIF has the orientation of the camera, not of the receipt. Boxes of lines are wide on an upright
page, so tall ones mean a quarter turn. The line classifier of RapidOCR's wheel chooses between the
two remaining rotations, and the recognizer does where the classifier's votes are split.
"""

import numpy as np

from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.types import Boxes, Pixels

_SAMPLE = 9  # lines that vote
_CLEAR = 0.8  # share of votes that decides without the recognizer
_READ = 4  # lines that the recognizer reads both ways,
_READ_WIDTH = 0.7  # at this part of their width: it need not read them well
_TALL = 1.5  # height over width of a box that holds a line on its side


def detect_rotation(page: Pixels, boxes: Boxes, ocr: OcrEngine) -> int:
    """Return the counter-clockwise quarter turns, 0 to 3, after which text reads left to right."""
    if len(boxes) == 0:
        return 0
    quarters = int(_on_its_side(boxes))
    page, boxes = rotate_page(page, boxes, quarters)
    wide, _ = _sides(boxes)
    longest = boxes[np.argsort(-wide)[:_SAMPLE]]
    down = ocr.upside_down(page, longest)
    if 1 - _CLEAR < down < _CLEAR:
        some = boxes[np.argsort(-wide)[len(boxes) // 3 :][:_READ]]
        rotated, rotated_boxes = rotate_page(page, some, 2)
        down = float(_legibility(rotated, rotated_boxes, ocr) > _legibility(page, some, ocr))
    return quarters + 2 if down > 0.5 else quarters


def rotate_page(page: Pixels, boxes: Boxes, quarters: int) -> tuple[Pixels, Boxes]:
    """Rotate page and boxes counter-clockwise by quarter turns; corners start top left."""
    height, width = page.shape[:2]
    boxes = rotate_boxes(boxes, width, height, quarters)
    return np.ascontiguousarray(np.rot90(page, quarters)), boxes


def rotate_boxes(boxes: Boxes, width: int, height: int, quarters: int) -> Boxes:
    """Rotate the boxes of a page of that size counter-clockwise by quarter turns."""
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
    """Whether tall boxes contain more text, by length, than wide ones."""
    wide, high = _sides(boxes)
    return float(high[high > _TALL * wide].sum()) > float(wide[wide > _TALL * high].sum())


def _legibility(page: Pixels, boxes: Boxes, ocr: OcrEngine) -> float:
    texts = [text for batch in ocr.recognize(page, boxes, _READ_WIDTH) for _, text in batch]
    return sum(text.confidence * len(text.glyphs) for text in texts)
