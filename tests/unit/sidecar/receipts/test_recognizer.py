"""The fast recognizer reads as the whole one, and is made where it is missing."""

import stat
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from sidecar.receipts.ocr.fast_recognizer import (
    ALPHABET,
    FULL_MODEL,
    cut,
    fast_model,
    model_folder,
)
from sidecar.receipts.ocr.recognizer import Print, Recognizer, print_of, print_of_texts
from sidecar.receipts.ocr.reuse import reusable
from sidecar.receipts.ocr.scripts import Script
from sidecar.receipts.types import Boxes, Glyph, Pixels, Text

LINES = ("GREEN VALLEY MARKET", "ORGANIC MILK 1GL", "BANANAS 2.36 LB", "TOTAL 33.67", "5.49 F")


@pytest.fixture(scope="module")
def full() -> bytes:
    return (model_folder() / f"{FULL_MODEL}.onnx").read_bytes()


def load(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def line(text: str) -> Pixels:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    page = np.full((48, width + 20, 3), 250, dtype=np.uint8)
    cv2.putText(page, text, (10, 35), cv2.FONT_HERSHEY_DUPLEX, 1.0, (20, 20, 20), 2)
    return page


def test_the_fast_model_gives_the_same_signs_with_probabilities_like_the_whole_ones(
    full: bytes,
) -> None:
    whole, fast = load(full), load(cut(full))
    signs = fast.get_modelmeta().custom_metadata_map[ALPHABET].splitlines()
    alphabet = ["", *signs, " "]
    whole_signs = whole.get_modelmeta().custom_metadata_map[ALPHABET].splitlines()
    pixels = np.random.default_rng(0).normal(size=(1, 3, 48, 160)).astype(np.float32)
    few = fast.run(None, {"x": pixels})[0]
    many = whole.run(None, {"x": pixels})[0]
    assert few.shape == (*many.shape[:2], len(alphabet))
    for sign in ("A", "7", "é", "Σ", "合", "り"):
        here, there = alphabet.index(sign), whole_signs.index(sign) + 1
        # The softmax is over fewer classes: every probability grows by the same factor of its step.
        assert few[0, :, here] / few[0, :, 0] == pytest.approx(
            many[0, :, there] / many[0, :, 0], rel=1e-3
        )


def test_the_model_is_stored_once_and_found_again(tmp_path: Path) -> None:
    path = fast_model(tmp_path / "share")
    assert isinstance(path, Path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.write_bytes(b"as it was")
    assert fast_model(tmp_path / "share") == path
    assert path.read_bytes() == b"as it was"


def test_a_folder_that_cannot_be_written_gives_the_model_in_memory(
    tmp_path: Path, full: bytes
) -> None:
    (tmp_path / "file").write_text("no folder")
    model = fast_model(tmp_path / "file")
    assert isinstance(model, bytes)
    assert len(model) < 0.7 * len(full)
    assert load(model).get_inputs()[0].name == "x"


@pytest.mark.parametrize("printed", [None, Print(), Print(narrowing=0.8)])
def test_every_line_is_read_once(printed: Print | None) -> None:
    recognizer = Recognizer(load)
    texts = list(recognizer.read([line(text) for text in LINES], printed))
    assert sorted(index for index, _ in texts) == list(range(len(LINES)))
    read = {index: "".join(glyph.char for glyph in glyphs) for index, glyphs in texts}
    assert [read[index].replace(" ", "") for index in range(len(LINES))] == [
        text.replace(" ", "") for text in LINES
    ]


def test_no_lines_are_no_texts() -> None:
    assert list(Recognizer(load).read([])) == []


def test_a_lines_text_does_not_depend_on_the_others() -> None:
    recognizer = Recognizer(load)
    lines = [line(text) for text in LINES]
    [(_, alone)] = recognizer.read(lines[1:2], Print())
    assert dict(recognizer.read(lines, Print()))[1] == alone


def test_wide_print_is_narrowed_and_narrow_print_is_not() -> None:
    assert print_of([(24.0 * 10, "0123456789")]).narrowing == pytest.approx(0.7)
    assert print_of([(20.0 * 10, "0123456789")]).narrowing == pytest.approx(0.75)
    assert print_of([(12.0 * 10, "0123456789")]).narrowing == 1
    assert print_of([(60.0, "1.00")]).narrowing == 1  # too short to tell
    assert print_of([(300.0, "合計金額税込現金")]) == Print(Script.HAN)


def text(value: str, box: list[list[float]], confidence: float = 1.0) -> Text:
    glyphs = tuple(Glyph(char, confidence, (n + 0.5) / len(value)) for n, char in enumerate(value))
    return Text(tuple((x, y) for x, y in box), glyphs)


def box(left: float, top: float, width: float = 200, height: float = 24) -> list[list[float]]:
    right, bottom = left + width, top + height
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def boxes(*quads: list[list[float]]) -> Boxes:
    return np.array(quads, dtype=np.float32).reshape(-1, 4, 2)


def test_the_print_of_texts_is_measured_at_the_recognizers_height() -> None:
    assert print_of_texts([text("0123456789", box(0, 0, 100, 24))]).narrowing == pytest.approx(0.75)


def test_texts_of_boxes_in_the_same_place_are_not_read_again() -> None:
    earlier = boxes(box(10, 10), box(10, 50), box(10, 90))
    texts = {0: text("MILK", box(10, 10)), 2: text("TOTAL", box(10, 90))}
    later = boxes(box(11, 92), box(10, 50), box(12, 12), box(10, 10, width=120))
    found = reusable(later, earlier, texts)
    assert {index: text.text for index, text in found.items()} == {0: "TOTAL", 2: "MILK"}


def test_unsure_texts_are_read_again() -> None:
    earlier = boxes(box(10, 10))
    assert reusable(earlier, earlier, {0: text("M1LK", box(10, 10), confidence=0.8)}) == {}
    assert reusable(earlier, earlier, {}) == {}
    assert reusable(boxes(), earlier, {0: text("MILK", box(10, 10))}) == {}
