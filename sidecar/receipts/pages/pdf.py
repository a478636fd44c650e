"""PDF pages as text, where they have a text layer, or as pixels.

The text layer of an e-receipt is exact, so it is used as it is. A scan inside a PDF has none (or a
bad one of a few letters) and is rendered for the recognizer. A scanner app's page has both, a picture
and a guess at its text; which is better shows when both are read.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pypdfium2
import pypdfium2.raw

from sidecar.core.errors import TooLarge, UnreadablePdf
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.pdf_streams import check_streams
from sidecar.receipts.types import Glyph, Pixels, ScannedPage, Text

_DPI = 200
_POINTS_PER_INCH = 72
_MAX_SIDE = 6000  # pixels of a rendered page
_MIN_TEXT = 25  # characters of a text layer to use
_MAX_RECTS = 5000  # pieces of text on a page
_MAX_TEXT = 50_000  # characters of a text layer to use: each piece is looked up among all of them
_MAX_PICTURES = 100  # on a page
_SCAN = 0.8  # of the page that a scan's picture covers


def pdf_pages(
    data: bytes, limits: ImageLimits
) -> tuple[int, Iterator[ScannedPage | tuple[Text, ...] | Pixels]]:
    """Return the number of pages, and each one's texts with positions in pixels, its picture, or
    both of a scan with a text layer.

    A page is rendered when it is requested: a file of three kilobytes can hold twenty pages of a
    hundred megabytes each. Raises UnreadablePdf for a damaged or encrypted file, now or at the
    page that is damaged, and TooLarge for too many pages or streams over `check_streams`' limits.
    """
    document = _open(data, limits)
    return len(document), _pages(document, limits)


def render_page(data: bytes, number: int, limits: ImageLimits) -> Pixels | None:
    """Return a page as pixels, whether or not it has texts; None when there is no such page.

    Raises the same errors as `pdf_pages`.
    """
    document = _open(data, limits)
    try:
        if number >= len(document):
            return None
        page = document[number]
        return _render(page, _scale(page, limits))
    except pypdfium2.PdfiumError as damage:
        raise UnreadablePdf from damage
    finally:
        document.close()


def _open(data: bytes, limits: ImageLimits) -> pypdfium2.PdfDocument:
    check_streams(data, limits)
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as damage:
        raise UnreadablePdf from damage
    count = len(document)
    if count > limits.max_pages:
        raise TooLarge(f"The PDF has {count} pages; the limit is {limits.max_pages}.")
    if count == 0:
        raise UnreadablePdf("The PDF has no pages.")
    return document


def _scale(page: pypdfium2.PdfPage, limits: ImageLimits) -> float:
    """Return the pixels for each point of the page."""
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise UnreadablePdf("A page of the PDF has no size.")
    scale = min(_DPI / _POINTS_PER_INCH, _MAX_SIDE / max(width, height))
    return float(min(scale, (limits.max_pixels / (width * height)) ** 0.5))


def _pages(
    document: pypdfium2.PdfDocument, limits: ImageLimits
) -> Iterator[ScannedPage | tuple[Text, ...] | Pixels]:
    try:
        for number in range(len(document)):
            yield _page(document[number], limits)
    except pypdfium2.PdfiumError as damage:
        raise UnreadablePdf from damage
    finally:
        document.close()


def _page(page: pypdfium2.PdfPage, limits: ImageLimits) -> ScannedPage | tuple[Text, ...] | Pixels:
    scale = _scale(page, limits)
    width, height = page.get_size()
    layer = page.get_textpage()
    usable = _MIN_TEXT <= layer.count_chars() <= _MAX_TEXT
    texts = tuple(_texts(layer, height, scale)) if usable else ()
    if sum(len(text.glyphs) for text in texts) < _MIN_TEXT:
        return _render(page, scale)
    return ScannedPage(texts, _render(page, scale)) if _is_scan(page, width * height) else texts


def _render(page: pypdfium2.PdfPage, scale: float) -> Pixels:
    pixels = page.render(scale=scale, rev_byteorder=False).to_numpy()
    return np.ascontiguousarray(pixels[..., :3] if pixels.ndim == 3 else np.stack([pixels] * 3, -1))


def _is_scan(page: pypdfium2.PdfPage, area: float) -> bool:
    """Whether pictures cover the page, whose area is in square points."""
    covered = 0.0
    pictures = page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=2)
    for picture in islice(pictures, _MAX_PICTURES):
        left, bottom, right, top = picture.get_bounds()
        covered = max(covered, (right - left) * (top - bottom))
    return covered >= _SCAN * area


def _texts(layer: pypdfium2.PdfTextPage, height: float, scale: float) -> Iterator[Text]:
    for index in range(min(layer.count_rects(), _MAX_RECTS)):
        left, bottom, right, top = layer.get_rect(index)
        words = " ".join(layer.get_text_bounded(left, bottom, right, top).split())
        if not words:
            continue
        x0, x1 = left * scale, right * scale
        y0, y1 = (height - top) * scale, (height - bottom) * scale
        glyphs = tuple(Glyph(char, 1.0, (i + 0.5) / len(words)) for i, char in enumerate(words))
        yield Text(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), glyphs)
