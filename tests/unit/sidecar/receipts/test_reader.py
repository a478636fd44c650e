"""The reader from bytes to fields: its stages, its detection passes, and the chosen reading."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.engine import OcrEngine, engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.album import pack
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import Progress, first_rows, read
from sidecar.receipts.types import Boxes, Pixels

SAMPLE = Path(__file__).parents[4] / "samples" / "receipt.jpg"
ADDS_UP = (
    "CORNER STORE",
    "12/03/2024 10:15",
    "TEA  1.00",
    "MILK   2.00",
    "BREAD   4.00",
    "TOTAL   7.00",
)
DOES_NOT = (*ADDS_UP[:-1], "TOTAL   88.35")
STEP, SIZE = 200, 50
BREAD = 5 * STEP - SIZE


class RecordingEngine(OcrEngine):
    """An engine that records the sizes of its detection passes."""

    def __init__(self, *, misses_bread: bool = False) -> None:
        super().__init__(threads=1)
        self.sizes: list[int] = []
        self._misses_bread = misses_bread

    def detect(self, page: Pixels, width: int, height: int) -> Boxes:
        """Return the engine's boxes, perhaps without the line of bread in the first pass."""
        self.sizes.append(max(width, height))
        boxes = super().detect(page, width, height)
        if len(self.sizes) > 1 or not self._misses_bread:
            return boxes
        return boxes[abs(boxes[:, 0, 1] - BREAD) > STEP / 2]


def photo(lines: tuple[str, ...]) -> bytes:
    page = np.full((1400, 900, 3), 250, dtype=np.uint8)
    for number, line in enumerate(lines, start=1):
        cv2.putText(page, line, (80, STEP * number), cv2.FONT_HERSHEY_DUPLEX, 1.2, (20, 20, 20), 2)
    return cv2.imencode(".png", page)[1].tobytes()


def run(steps: Generator[Progress, None, Extraction]) -> tuple[Extraction, list[Progress]]:
    progress = []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as done:
            return done.value, progress


def read_with(
    ocr: OcrEngine, image: bytes, accuracy: str = "default"
) -> tuple[Extraction, list[Progress]]:
    options = ReceiptOptions.model_validate({"accuracy": accuracy})
    return run(read(image, options, ocr, ImageLimits()))


def test_reading_reports_its_stages_in_order_and_returns_the_receipt() -> None:
    receipt, progress = run(read(SAMPLE.read_bytes(), ReceiptOptions(), engine(1), ImageLimits()))
    assert list(dict.fromkeys(step.stage for step in progress)) == [
        "decode",
        "detect",
        "recognise",
        "read",
    ]
    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert receipt.merchant is not None
    assert receipt.merchant.name == "GREEN VALLEY MARKET"
    assert receipt.total is not None
    assert str(receipt.total.amount) == "33.67"
    assert len(receipt.line_items) == 8


@pytest.mark.parametrize("accuracy", ["fast", "default", "best"])
def test_a_receipt_that_adds_up_takes_one_pass(accuracy: str) -> None:
    ocr = RecordingEngine()
    reading, _ = read_with(ocr, photo(ADDS_UP), accuracy)
    assert reading.checks.matches_total
    assert len(ocr.sizes) == 1


@pytest.mark.parametrize(("accuracy", "passes"), [("fast", 1), ("default", 2), ("best", 3)])
def test_one_that_does_not_takes_more_passes_at_larger_sizes(accuracy: str, passes: int) -> None:
    ocr = RecordingEngine()
    reading, progress = read_with(ocr, photo(DOES_NOT), accuracy)
    assert not reading.checks.matches_total
    assert len(ocr.sizes) == passes
    assert ocr.sizes == sorted(ocr.sizes)
    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_the_reading_that_adds_up_is_returned() -> None:
    ocr = RecordingEngine(misses_bread=True)
    reading, _ = read_with(ocr, photo(ADDS_UP))
    assert len(ocr.sizes) == 2
    assert reading.total is not None
    assert (str(reading.total.amount), reading.checks.matches_total) == ("7.00", True)


def test_a_picture_without_text_takes_one_pass() -> None:
    ocr = RecordingEngine()
    reading, _ = read_with(ocr, photo(()), "best")
    assert reading.line_items == ()
    assert len(ocr.sizes) == 1


@pytest.mark.parametrize("accuracy", ["default", "best"])
def test_a_later_pass_reads_only_what_the_first_one_did_not(
    monkeypatch: pytest.MonkeyPatch, accuracy: str
) -> None:
    counts: list[int] = []
    recognize = OcrEngine.recognize

    def counted(self: OcrEngine, page: Pixels, boxes: Boxes, *rest: Any) -> Any:
        counts.append(len(boxes))
        return recognize(self, page, boxes, *rest)

    monkeypatch.setattr(OcrEngine, "recognize", counted)
    reading, _ = read_with(RecordingEngine(misses_bread=True), photo(DOES_NOT), accuracy)
    passes = counts[-3:] if accuracy == "best" else counts[-2:]
    assert passes[0] == len(DOES_NOT) - 1
    assert all(count < passes[0] for count in passes[1:])
    assert {line.text.split()[0] for line in reading.ocr_lines} >= {"TEA", "MILK", "BREAD", "TOTAL"}


def test_photographs_of_one_receipt_are_read_as_one() -> None:
    album = pack((photo(ADDS_UP[:4]), photo(ADDS_UP[2:])))
    reading, progress = read_with(engine(1), album)
    assert reading.pages == 2
    assert reading.total is not None
    assert (str(reading.total.amount), reading.checks.matches_total) == ("7.00", True)
    assert [item.parsed_name for item in reading.line_items] == ["TEA", "MILK", "BREAD"]
    assert {line.page for line in reading.ocr_lines} == {0, 1}
    assert [step.fraction for step in progress] == sorted(step.fraction for step in progress)


def test_a_document_read_for_training_is_not_parsed() -> None:
    rows = first_rows(photo(ADDS_UP), ReceiptOptions(), engine(1), ImageLimits())
    assert rows[0].text == "CORNER STORE"
    assert len(rows) == len(ADDS_UP)
