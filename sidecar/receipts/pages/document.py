"""The pages of an image or a PDF, and their rendering for a vision-language model."""

from collections.abc import Iterable

import cv2

from sidecar.receipts.pages.decode import ImageLimits, decode, sniff
from sidecar.receipts.types import Pixels, Text

LONG_SIDE = 1536
"""Pixels: keeps print legible on a till roll, and the number of a model's image tokens bounded."""
_QUALITY = 90


def open_pages(
    image: bytes, limits: ImageLimits
) -> tuple[int, Iterable[tuple[Text, ...] | Pixels]]:
    """Return the number of pages, and each as pixels or as the texts in a PDF's text layer."""
    if sniff(image) == "pdf":
        from sidecar.receipts.pages.pdf import pdf_pages

        return pdf_pages(image, limits)
    pages = decode(image, limits)
    return len(pages), pages


def render_pages(image: bytes, limits: ImageLimits, max_images: int) -> tuple[bytes, ...]:
    """Return the first pages without a text layer as JPEG, upright by EXIF.

    Raises the same errors as sidecar.receipts.pages.decode.decode.
    """
    images: list[bytes] = []
    _, pages = open_pages(image, limits)
    for page in pages:
        if len(images) == max_images:
            break
        if isinstance(page, tuple):
            continue
        height, width = page.shape[:2]
        scale = min(1.0, LONG_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        resized = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        images.append(jpeg.tobytes())
    return tuple(images)
