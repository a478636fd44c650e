"""PDF pages as text, where the file holds it, or as pixels.

The text layer of an e-receipt is exact, so it is read as it stands; a scan inside a PDF has none
(or a bad one of a few letters) and is drawn for the recogniser.
"""

from collections.abc import Iterator

import numpy as np
import pypdfium2
import pypdfium2.raw

from sidecar.core.errors import TooLarge, UnreadablePdf
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.pdf_streams import check_streams
from sidecar.receipts.types import Glyph, Pixels, Text

_DPI = 200
_POINTS = 72
_LONGEST = 6000  # pixels of a page's longer side when drawn
_LEAST_TEXT = 25  # characters that make a text layer worth trusting
_MOST_RECTS = 5000  # pieces of text on a page


def pdf_pages(data: bytes, limits: ImageLimits) -> tuple[int, Iterator[tuple[Text, ...] | Pixels]]:
    """How many pages, and each one's text, placed on it in pixels, or the page as a picture.

    A page is drawn when it is asked for: a file of three kilobytes can hold twenty pages of a
    hundred megabytes each. Raises UnreadablePdf for a damaged or encrypted file, now or at the
    page that is damaged, and TooLarge for too many pages or more than a receipt can unpack to.
    """
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
    return count, _drawn(document, limits)


def _drawn(
    document: pypdfium2.PdfDocument, limits: ImageLimits
) -> Iterator[tuple[Text, ...] | Pixels]:
    try:
        for number in range(len(document)):
            yield _page(document, number, limits)
    except pypdfium2.PdfiumError as damage:
        raise UnreadablePdf from damage
    finally:
        document.close()


def _page(
    document: pypdfium2.PdfDocument, number: int, limits: ImageLimits
) -> tuple[Text, ...] | Pixels:
    page = document[number]
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise UnreadablePdf("A page of the PDF has no size.")
    scale = min(_DPI / _POINTS, _LONGEST / max(width, height))
    scale = min(scale, (limits.max_pixels / (width * height)) ** 0.5)
    texts = tuple(_texts(page.get_textpage(), height, scale))
    if sum(len(text.glyphs) for text in texts) >= _LEAST_TEXT:
        return texts
    bitmap = page.render(scale=scale, rev_byteorder=False)
    pixels = bitmap.to_numpy()
    return np.ascontiguousarray(pixels[..., :3] if pixels.ndim == 3 else np.stack([pixels] * 3, -1))


def _texts(layer: pypdfium2.PdfTextPage, height: float, scale: float) -> Iterator[Text]:
    for index in range(min(layer.count_rects(), _MOST_RECTS)):
        left, bottom, right, top = layer.get_rect(index)
        words = " ".join(layer.get_text_bounded(left, bottom, right, top).split())
        if not words:
            continue
        x0, x1 = left * scale, right * scale
        y0, y1 = (height - top) * scale, (height - bottom) * scale
        glyphs = tuple(
            Glyph(char, 1.0, (place + 0.5) / len(words)) for place, char in enumerate(words)
        )
        yield Text(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), glyphs)
