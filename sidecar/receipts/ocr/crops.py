"""Cuts lines out of a page for the recognizer: straightened, of its height, and padded."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sidecar.receipts.types import Pixels

HEIGHT = 48
"""The recognizer's fixed input height."""
_MAX_WIDTH = 2400
_STEP = 8  # pixels that widths are rounded up to
_MIN_WIDTH = 64  # pixels that a line is padded to
_MIN_SQUEEZED = 96  # pixels of width; shorter lines are amounts and the like


def crop(page: Pixels, box: npt.NDArray[np.float32]) -> Pixels:
    """Cut out a box, straightened to the recognizer's height; tall boxes are rotated."""
    import cv2

    wide = max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3]))
    high = max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2]))
    if high >= 1.5 * wide:
        box = np.roll(box, -1, axis=0)
        wide, high = high, wide
    width = int(min(_MAX_WIDTH, max(8, np.ceil(HEIGHT * wide / max(1.0, float(high))))))
    target = np.array([[0, 0], [width, 0], [width, HEIGHT], [0, HEIGHT]], dtype=np.float32)
    transform: Any = cv2.getPerspectiveTransform(np.ascontiguousarray(box), target)
    pixels = cv2.warpPerspective(
        page, transform, (width, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(pixels, dtype=np.uint8)


def squeeze(line: Pixels, share: float) -> Pixels:
    """Scale a line to `share` of its width, unless it is short."""
    import cv2

    if share >= 1 or line.shape[1] < _MIN_SQUEEZED:
        return line
    size = (round(line.shape[1] * share), HEIGHT)
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def padded_width(line: Pixels) -> int:
    """Return the width, in pixels, that the recognizer reads a line at."""
    return max(_MIN_WIDTH, -(-int(line.shape[1]) // _STEP) * _STEP)


def batch_of(lines: list[Pixels], width: int) -> npt.NDArray[np.float32]:
    """Return lines as one batch, shape (n, 3, height, width), -1 to 1, padded with 0."""
    pixels = np.zeros((len(lines), 3, HEIGHT, width), dtype=np.float32)
    for row, line in enumerate(lines):
        scaled = line.astype(np.float32) / 127.5 - 1
        pixels[row, :, :, : line.shape[1]] = scaled.transpose(2, 0, 1)
    return pixels
