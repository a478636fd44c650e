"""What a document-OCR model writes is read as any text; the receipts are invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.models import Extraction
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.transcription import extraction_of_transcription, plain_text

MARKDOWN = """# COFFEE **CORNER**
12/03/2026 09:41

| Item | Price |
|:-----|------:|
| Latte | 3.50 |
| Bagel | 2.25 |

**TOTAL** \\$5.75
"""
HTML = """<h1>COFFEE CORNER</h1>12/03/2026 09:41<br>
<table border=1><tr><td>Latte</td><td>3.50</td></tr><tr><td>Bagel</td>
<td>2.25</td></tr></table><p>TOTAL $5.75</p>"""
THAI = """ตลาดสดบ้านเรา
ใบเสร็จรับเงิน
วันที่: 12/03/2026 9:41
นมสด   84.50
ขนมปัง   66.25
รวมทั้งสิ้น   150.75
เงินสด   150.75"""


def read(*pages: str) -> Extraction:
    return extraction_of_transcription(pages, ReceiptOptions(), len(pages))


@pytest.mark.parametrize("text", [MARKDOWN, HTML], ids=["markdown", "html"])
def test_tables_and_headings_are_lines_of_a_receipt(text: str) -> None:
    flat = read(text).flat()
    assert (flat["merchant"], flat["date"], flat["total"]) == ("COFFEE CORNER", "2026-03-12", 5.75)
    assert [(item["name"], item["price"]) for item in flat["items"]] == [
        ("Latte", 3.5),
        ("Bagel", 2.25),
    ]
    assert flat["checks"]["matches_total"]
    assert "<" not in flat["raw_ocr_text"]
    assert "*" not in flat["raw_ocr_text"]


def test_a_script_that_ocr_lacks_is_parsed_as_any_other() -> None:
    flat = read(THAI).flat()
    assert (flat["merchant"], flat["date"]) == ("ตลาดสดบ้านเรา", "2026-03-12")
    assert flat["total"] == 150.75
    assert [item["price"] for item in flat["items"]] == [84.5, 66.25]


def test_pages_follow_each_other() -> None:
    first, second = MARKDOWN.split("| Bagel", 1)
    flat = read(first, "| Bagel" + second).flat()
    assert (flat["total"], flat["pages"]) == (5.75, 2)
    assert flat["checks"]["matches_total"]


def test_an_empty_page_is_an_empty_receipt() -> None:
    extraction = read("", "```\n```")
    assert extraction.total is None
    assert extraction.raw_ocr_text == ""


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("المجموع ١٢٫٥٠", "المجموع 12.50"),
        ("１２．５０", "12.50"),
        ("รวม ๑๒.๕๐", "รวม 12.50"),
        ("A&amp;B &lt;1 kg", "A&B <1 kg"),
        ("3 < 5 > 4", "3 < 5 > 4"),
        ("\\(12.50\\) \\%", "12.50 %"),
        ("CARD ****1234", "CARD ****1234"),
        ("__PAID__", "PAID"),
        ("No. #12", "No. #12"),
        ("a | b", "a    b"),
        ("-1.20", "-1.20"),
        ("----------", ""),
    ],
)
def test_marks_of_markdown_are_no_text(markdown: str, text: str) -> None:
    assert plain_text(markdown) == text


@given(st.text(alphabet=st.sampled_from("<>|*_\\`#-: \n\t1.50aトต٥&;tdr/"), max_size=300))
def test_any_transcription_is_read(text: str) -> None:
    read(text)
