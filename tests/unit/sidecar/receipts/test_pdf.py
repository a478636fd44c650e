"""PDF pages: their text layer, or a rendered picture, within the limits."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from sidecar.core.errors import TooLarge, UnreadablePdf
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.pdf import pdf_pages
from sidecar.receipts.reader import read_receipt

SAMPLE = Path(__file__).parents[4] / "samples" / "receipt.jpg"


def empty_pdf(pages: int, side: float = 200) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(side, side)
    file = io.BytesIO()
    document.save(file)
    document.close()
    return file.getvalue()


def scanned_pdf() -> bytes:
    file = io.BytesIO()
    Image.open(SAMPLE).convert("RGB").save(file, "PDF", resolution=150)
    return file.getvalue()


def test_a_page_without_text_is_rendered() -> None:
    count, pages = pdf_pages(scanned_pdf(), ImageLimits())
    [page] = pages
    assert count == 1
    assert isinstance(page, np.ndarray)
    assert page.shape[2] == 3
    assert page.shape[0] > page.shape[1] > 500


def test_a_scan_inside_a_pdf_is_read() -> None:
    receipt = read_receipt(scanned_pdf(), ReceiptOptions(), engine(1), ImageLimits())
    assert receipt.merchant is not None
    assert receipt.merchant.name == "GREEN VALLEY MARKET"
    assert receipt.total is not None
    assert str(receipt.total.amount) == "33.67"


def test_pages_are_rendered_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = 0
    render = pypdfium2.PdfPage.render

    def counted(*arguments: object, **options: object) -> object:
        nonlocal rendered
        rendered += 1
        return render(*arguments, **options)

    monkeypatch.setattr(pypdfium2.PdfPage, "render", counted)
    count, pages = pdf_pages(empty_pdf(3), ImageLimits())
    iterator: Iterator[object] = iter(pages)
    assert (count, rendered) == (3, 0)
    for expected in (1, 2, 3):
        next(iterator)
        assert rendered == expected


def test_a_huge_page_is_rendered_within_the_pixel_limit() -> None:
    [page] = pdf_pages(empty_pdf(1, side=14_400), ImageLimits(max_pixels=1_000_000))[1]
    assert isinstance(page, np.ndarray)
    assert page.shape[0] * page.shape[1] <= 1_010_000


def test_too_many_pages_and_damaged_files_are_rejected_at_once() -> None:
    with pytest.raises(TooLarge, match="21 pages"):
        pdf_pages(empty_pdf(21), ImageLimits())
    for damaged in (b"%PDF-1.7\nnothing", empty_pdf(1)[:100]):
        with pytest.raises(UnreadablePdf):
            pdf_pages(damaged, ImageLimits())
