"""The pages of an image, an album or a PDF, and their rendering for a vision-language model."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from sidecar.core.errors import UnsupportedImage
from sidecar.receipts.pages.album import is_album, unpack
from sidecar.receipts.pages.decode import ImageLimits, check_size, decode, sniff
from sidecar.receipts.types import Pixels, ScannedPage, Text

LONG_SIDE = 1536
"""Pixels: keeps print legible on a till roll, and the number of a model's image tokens bounded."""
_QUALITY = 90


def open_pages(
    image: bytes, limits: ImageLimits
) -> tuple[int, Iterable[ScannedPage | tuple[Text, ...] | Pixels]]:
    """Return the number of pages, and each as pixels, as the texts in a PDF's text layer, or both.

    Raises InvalidImage, UnsupportedImage, UnreadablePdf and TooLarge of sidecar.core.errors, now or
    at the page that is damaged.
    """
    if is_album(image):
        photos = unpack(image, limits)
        return len(photos), _photographs(photos, limits)
    check_size(image, limits)
    if sniff(image) == "pdf":
        from sidecar.receipts.pages.pdf import pdf_pages

        return pdf_pages(image, limits)
    pages = decode(image, limits)
    return len(pages), pages


def _photographs(photos: Iterable[bytes], limits: ImageLimits) -> Iterator[Pixels]:
    """Decode one photograph after the other: all at once would take a gigabyte."""
    for photo in photos:
        pages = decode(photo, limits)
        if len(pages) != 1:
            raise UnsupportedImage("A photograph of several has pages of its own.")
        yield pages[0]


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
        pixels = page.pixels if isinstance(page, ScannedPage) else page
        resized = shrunk(pixels, LONG_SIDE)
        _, jpeg = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        images.append(jpeg.tobytes())
    return tuple(images)


def shrunk(pixels: Pixels, long_side: int) -> Pixels:
    """Return the page with at most `long_side` pixels on its longer side."""
    height, width = pixels.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return resized
