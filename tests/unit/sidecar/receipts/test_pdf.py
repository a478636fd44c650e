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
from sidecar.receipts.types import ScannedPage

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


LAYER_LINES = (
    "GREEN VAL1EY",
    "01/17/2026 14:32",
    "MI1K 54.90",
    "BUTTER 91.20",
    "TOTAL 33.67",
    "VISA 33.67",
)


def scanned_pdf_with_text(lines: tuple[str, ...], width: int = 400) -> bytes:
    """Return a page as scanner apps make it: a picture `width` points wide, and a text layer that
    nobody sees over it, on a page of 400 points.
    """
    file = io.BytesIO()
    picture = Image.open(SAMPLE).convert("RGB")
    picture.save(file, "JPEG", quality=90)
    jpeg = file.getvalue()
    text = b"".join(b"(%b) Tj T*\n" % line.encode() for line in lines)
    content = b"q %d 0 0 660 0 0 cm /I Do Q BT 3 Tr /F 12 Tf 30 TL 40 600 Td\n%bET" % (width, text)
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 660] /Contents 4 0 R /Resources 7 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB"
        b" /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%b\nendstream"
        % (*picture.size, len(jpeg), jpeg),
        b"<< /Font << /F 5 0 R >> /XObject << /I 6 0 R >> >>",
    )
    numbered = (b"%d 0 obj\n%b\nendobj\n" % pair for pair in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + b"".join(numbered) + b"trailer\n<< /Root 1 0 R >>\n"


def test_a_scan_with_a_text_layer_has_both() -> None:
    [page] = pdf_pages(scanned_pdf_with_text(LAYER_LINES), ImageLimits())[1]
    assert isinstance(page, ScannedPage)
    assert [text.text for text in page.texts] == list(LAYER_LINES)
    assert page.pixels.shape[0] > page.pixels.shape[1] > 1000
    [page] = pdf_pages(scanned_pdf_with_text(LAYER_LINES, width=200), ImageLimits())[1]
    assert isinstance(page, tuple)  # a picture on a page, such as a logo


def test_a_scan_is_read_where_its_text_layer_does_not_add_up() -> None:
    data = scanned_pdf_with_text(LAYER_LINES)
    receipt = read_receipt(data, ReceiptOptions(), engine(1), ImageLimits())
    assert receipt.checks.matches_total
    assert len(receipt.line_items) == 8
    assert receipt.ocr_lines


def test_a_text_layer_stands_where_its_picture_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blank = np.full((1100, 660, 3), 255, dtype=np.uint8)
    monkeypatch.setattr("sidecar.receipts.pages.pdf._render", lambda page, scale: blank)
    data = scanned_pdf_with_text(LAYER_LINES)
    receipt = read_receipt(data, ReceiptOptions(), engine(1), ImageLimits())
    assert "MI1K" in receipt.raw_ocr_text


def test_a_text_layer_that_adds_up_is_not_read_again() -> None:
    lines = tuple(
        line.replace("MI1K 54.90", "MILK 33.67") for line in LAYER_LINES if "BU" not in line
    )
    receipt = read_receipt(scanned_pdf_with_text(lines), ReceiptOptions(), engine(1), ImageLimits())
    assert receipt.checks.matches_total
    assert len(receipt.line_items) == 1
    assert receipt.ocr_lines == ()


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
