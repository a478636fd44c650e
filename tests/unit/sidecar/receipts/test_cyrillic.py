"""Cyrillic lines and receipts, drawn in a font that the head has not learned from."""

import random

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

from bench.receipt_scores import score_extraction
from sidecar.receipts.ocr.cyrillic import ALPHABET, FOREIGN, LETTERS, choose, cyrillic_head
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.ocr.fast_recognizer import FEATURES
from sidecar.receipts.ocr.recognizer import Print, Recognizer
from sidecar.receipts.ocr.scripts import Script, script_of_page
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read_receipt
from sidecar.receipts.types import Glyph, Pixels
from tests.corpus.draw import Degradation, draw
from tests.corpus.shops import CYRILLIC_SHOPS, Shop

LINES = (
    "ФІСКАЛЬНИЙ ЧЕК",
    "Сир кисломолочний 9%",
    "ДО СПЛАТИ: 248,60 ГРН",
    "ООО «БЕРЁЗОВАЯ РОЩА»",
    "Подъезд, съёмка, щавель",
    "КАФЕ ЗА ЦЯЛОТО СЕМЕЙСТВО",
    "Његошева, Ђорђе, љубав, џем",
    "Укупан износ пореза: 1.249,83",
    "ЦУКЕРКІ ЎСЯГО 17.05",
    "Ѓорѓи ќе купи ѕвезда",
)
LATIN = (
    "GREEN VALLEY MARKET",
    "Bœuf haché 15% 500g",
    "TOTAL EUR 1.249,83",
    "CAXAP HOMEMADE 33.67",
    "Kõrvitsaseemned 2,49 A",
)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    def load(model: object) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    return Recognizer(load)


def line(text: str) -> Pixels:
    font = ImageFont.truetype("DejaVuSans.ttf", 30)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (round(right - left) + 16, 48), (245, 245, 245))
    middle = (48 - top - bottom) / 2
    ImageDraw.Draw(image).text((8 - left, middle), text, fill=(30, 30, 30), font=font)
    return np.asarray(image)


def texts(recognizer: Recognizer, lines: tuple[str, ...], printed: Print | None) -> list[str]:
    read = dict(recognizer.read([line(text) for text in lines], printed))
    return ["".join(glyph.char for glyph in read[index]) for index in range(len(lines))]


def glyphs(text: str) -> tuple[Glyph, ...]:
    """One glyph a step of equal width."""
    return tuple(Glyph(c, 0.9, (n + 0.5) / len(text), "x") for n, c in enumerate(text))


def test_lines_in_six_languages_are_read(recognizer: Recognizer) -> None:
    assert texts(recognizer, LINES, None) == list(LINES)


def test_latin_lines_are_read_as_without_cyrillic(recognizer: Recognizer) -> None:
    assert texts(recognizer, LATIN, None) == texts(recognizer, LATIN, Print())
    assert script_of_page(texts(recognizer, LATIN, None)) is Script.LATIN


def test_latin_words_and_numbers_on_a_cyrillic_page_stay(recognizer: Recognizer) -> None:
    lines = ("ОПЛАТА VISA 1234", "Кава Jacobs 225г", "TOTAL 33.67")
    assert texts(recognizer, lines, Print(Script.CYRILLIC)) == list(lines)


@pytest.mark.parametrize("shop", CYRILLIC_SHOPS, ids=lambda shop: shop.__name__)
def test_a_cyrillic_receipt_is_read(shop: Shop) -> None:
    rng = random.Random(7)
    printed = shop(rng)
    picture = draw(printed, rng, Degradation(noise=6, skew=1), "DejaVuSansMono.ttf")
    extraction = read_receipt(_png(picture), ReceiptOptions(), engine(1), ImageLimits())
    score = score_extraction(extraction, printed.label())
    assert score.total
    assert score.date
    prices = [item.total_price.amount for item in extraction.line_items]
    assert prices == [item.total for item in printed.items]
    assert "script" not in " ".join(extraction.checks.warnings)


@pytest.mark.parametrize(
    ("cyrillic", "other", "chosen"),
    [
        ("МОЛОКО 12,50", "MOЛOKO 12,S0", "МОЛОКО 12,50"),
        ("КAВA VISА 5", "KABA VISA 5", "КАВА VISA 5"),
        ("ФІСКАЛьнИй ЧЕк", "ICKA", "ФІСКАЛЬНИЙ ЧЕК"),
        ("БУХАНКа у ДЖЕМ", "BYXAHKa", "БУХАНКА у ДЖЕМ"),
        ("12,5О А", "12,50 A", "12,50 A"),
        ("12,50 Б", "12,50 5", "12,50 Б"),
        (f"КАФ{FOREIGN}", "CAFÉ", "КАФÉ"),
        (f"ЧЕК{FOREIGN}", "", "ЧЕК"),
        (f"ЧЕК{FOREIGN}", "YEKß", "ЧЕКß"),
        ("TOTAL", "TOTAL.", "TOTAL."),
        ("", "TOTAL", "TOTAL"),
        ("", "", ""),
    ],
)
def test_a_line_with_a_cyrillic_word_is_read_by_the_head(
    cyrillic: str, other: str, chosen: str
) -> None:
    found = choose(glyphs(cyrillic), glyphs(other))
    assert "".join(glyph.char for glyph in found) == chosen


@pytest.mark.parametrize("steps", [0, 1, 300])
def test_any_features_give_probabilities(steps: int) -> None:
    features = 50 * np.random.default_rng(0).normal(size=(steps, FEATURES)).astype(np.float32)
    probabilities = cyrillic_head().probabilities(features)
    assert probabilities.shape == (steps, len(ALPHABET))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(steps), abs=1e-4)


def test_the_alphabet_has_no_sign_twice() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert all(letter.isalpha() for letter in LETTERS)


def _png(picture: Pixels) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", picture)[1])
