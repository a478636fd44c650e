"""The pages of an image or a PDF, and their rendering for a vision-language model."""

from collections.abc import Iterable

import cv2

from sidecar.receipts.pages.decode import ImageLimits, decode, sniff
from sidecar.receipts.types import Pixels, Text

LONG_SIDE = 1536
"""Pixels: print stays legible on a till roll, and a model's image tokens within bounds."""
_QUALITY = 90


def open_pages(
    image: bytes, limits: ImageLimits
) -> tuple[int, Iterable[tuple[Text, ...] | Pixels]]:
    """How many pages, and each as the texts that a PDF says it holds or as pixels."""
    if sniff(image) == "pdf":
        from sidecar.receipts.pages.pdf import pdf_pages

        return pdf_pages(image, limits)
    pages = decode(image, limits)
    return len(pages), pages


def render_pages(image: bytes, limits: ImageLimits, most: int) -> tuple[bytes, ...]:
    """The first `most` pages as JPEG, upright by EXIF; pages of a PDF that are text are left out,
    for there is nothing to see that isn't known.

    Raises what decoding raises (sidecar.receipts.pages.decode.decode).
    """
    drawn: list[bytes] = []
    _, pages = open_pages(image, limits)
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
