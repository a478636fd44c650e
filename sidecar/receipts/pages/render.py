"""The pages of a receipt as a vision-language model gets them."""

import cv2

from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import pages_of

LONG_SIDE = 1536
"""Pixels: print stays legible on a till roll, and a model's image tokens within bounds."""
_QUALITY = 90


def drawn_pages(image: bytes, limits: ImageLimits, most: int) -> tuple[bytes, ...]:
    """The first `most` pages as JPEG, upright by EXIF; pages of a PDF that are text are left out,
    for there is nothing to see that isn't known.

    Raises what decoding raises (sidecar.receipts.pages.decode.decode).
    """
    drawn: list[bytes] = []
    _, pages = pages_of(image, limits)
    for page in pages:
        if len(drawn) == most:
            break
        if isinstance(page, tuple):
            continue
        height, width = page.shape[:2]
        scale = min(1.0, LONG_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", shrunk, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        drawn.append(jpeg.tobytes())
    return tuple(drawn)
