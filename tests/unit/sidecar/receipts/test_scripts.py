"""Receipts in other scripts: some are read, of others a warning tells."""

from pathlib import Path

import pytest

from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.engine import OcrEngine, engine
from sidecar.receipts.ocr.scripts import Script, greek_words, script_of, script_of_page
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read_receipt

PICTURES = Path(__file__).parent / "pictures"
"""Invented receipts, drawn with Noto Sans and Noto Sans CJK."""
WARNING = "Much of the text is in a script that this service does not read."


def read(name: str, ocr: OcrEngine) -> Extraction:
    image = (PICTURES / f"{name}.png").read_bytes()
    return read_receipt(image, ReceiptOptions(), ocr, ImageLimits())


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("japanese", {"株式会社みどりストア", "牛乳1L", "レジ袋", "合計", "¥840", "お釣り"}),
        ("chinese", {"绿谷超市有限公司", "全麦面包", "合计", "38.90", "谢谢惠顾"}),
        ("greek", {"ΨΩΜΙΧΩΡΙΑΤΙΚΟ", "ΜΕΤΡΗΤΑ", "ΡΕΣΤΑ", "ΕΥΧΑΡΙΣΤΟΥΜΕ", "11,62"}),
        ("french", {"MARCHÉDELAVALLÉE", "FROMAGERÂPÉ", "TOTAL", "9,65"}),
    ],
)
def test_a_receipt_in_a_known_script_is_read(name: str, lines: set[str]) -> None:
    extraction = read(name, engine(1))
    assert lines <= {line.text.replace(" ", "") for line in extraction.ocr_lines}
    assert WARNING not in extraction.checks.warnings


def test_a_receipt_in_an_unknown_script_has_a_warning() -> None:
    assert WARNING in read("hangul", engine(1)).checks.warnings


@pytest.mark.parametrize(("name", "is_needed"), [("french", False), ("japanese", True)])
def test_the_whole_recognizer_is_loaded_for_ideographs_alone(name: str, is_needed: bool) -> None:
    ocr = OcrEngine(threads=1)
    read(name, ocr)
    assert ("_full" in vars(ocr._recognizer)) == is_needed


@pytest.mark.parametrize(
    ("sign", "script"),
    [
        ("A", Script.LATIN),
        ("é", Script.LATIN),
        ("ạ", Script.LATIN),
        ("7", Script.LATIN),
        ("€", Script.LATIN),
        ("：", Script.LATIN),
        ("Σ", Script.GREEK),
        ("Ж", Script.CYRILLIC),
        ("ґ", Script.CYRILLIC),
        ("合", Script.HAN),
        ("り", Script.HAN),
        ("ﾚ", Script.HAN),
        ("〒", Script.HAN),
        ("㈱", None),
        ("⊿", None),
        ("", None),
    ],
)
def test_each_sign_has_its_script(sign: str, script: Script | None) -> None:
    assert script_of(sign) is script


@pytest.mark.parametrize(
    ("texts", "script"),
    [
        ((), Script.LATIN),
        (("TOTAL 9.65", "MERCI"), Script.LATIN),
        (("ΣYNOΛO", "METPHTA", "ΨΩMI 2,10"), Script.GREEK),
        (("СУМА 12,50", "VISA 12,50", "Молоко 1л"), Script.CYRILLIC),
        (("合計 ¥840", "2024年03月12日 10:15"), Script.HAN),
        (("永發五金", *["HARDWARE & TIMBER SDN BHD"] * 5), Script.LATIN),
        (("合 1.00",), Script.LATIN),
    ],
)
def test_a_page_has_the_script_of_enough_of_its_signs(
    texts: tuple[str, ...], script: Script
) -> None:
    assert script_of_page(texts) is script


@pytest.mark.parametrize(
    ("recognized", "printed"),
    [
        ("ΣYNOΛO", "ΣΥΝΟΛΟ"),
        ("METPHTA 20,00", "ΜΕΤΡΗΤΑ 20,00"),
        ("VISA A", "VISA A"),
        ("8,38 A", "8,38 A"),
        ("ΦΠA:", "ΦΠΑ:"),
        ("", ""),
    ],
)
def test_latin_letters_in_greek_words_become_greek(recognized: str, printed: str) -> None:
    assert greek_words(recognized) == printed
