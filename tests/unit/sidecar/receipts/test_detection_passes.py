"""How often a receipt is looked at, and which reading is kept."""

import cv2
import numpy as np
import pytest

from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import Progress, read
from sidecar.receipts.types import Boxes, Pixels

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


class Watched(OcrEngine):
    """The engine, and the sizes of the pages it was shown."""

    def __init__(self, *, overlooks_bread: bool = False) -> None:
        super().__init__(threads=1)
        self.sizes: list[int] = []
        self._overlooks = overlooks_bread

    def detect(self, page: Pixels, width: int, height: int) -> Boxes:
        """What the engine finds, but perhaps for the line of bread at first."""
        self.sizes.append(max(width, height))
        boxes = super().detect(page, width, height)
        if len(self.sizes) > 1 or not self._overlooks:
            return boxes
        return boxes[abs(boxes[:, 0, 1] - BREAD) > STEP / 2]


def photo(lines: tuple[str, ...]) -> bytes:
    page = np.full((1400, 900, 3), 250, dtype=np.uint8)
    for number, line in enumerate(lines, start=1):
        cv2.putText(page, line, (80, STEP * number), cv2.FONT_HERSHEY_DUPLEX, 1.2, (20, 20, 20), 2)
    return cv2.imencode(".png", page)[1].tobytes()


def looked_at(
    image: bytes, ocr: OcrEngine, accuracy: str = "default"
) -> tuple[Extraction, list[Progress]]:
    steps = read(image, ReceiptOptions.model_validate({"accuracy": accuracy}), ocr, ImageLimits())
    passed = []
    while True:
        try:
            passed.append(next(steps))
        except StopIteration as done:
            return done.value, passed


@pytest.mark.parametrize("accuracy", ["fast", "default", "best"])
def test_a_receipt_that_adds_up_is_looked_at_once(accuracy: str) -> None:
    ocr = Watched()
    reading, _ = looked_at(photo(ADDS_UP), ocr, accuracy)
    assert reading.checks.matches_total
    assert len(ocr.sizes) == 1


@pytest.mark.parametrize(("accuracy", "looks"), [("fast", 1), ("default", 2), ("best", 3)])
def test_one_that_does_not_is_looked_at_again_and_closer(accuracy: str, looks: int) -> None:
    ocr = Watched()
    reading, passed = looked_at(photo(DOES_NOT), ocr, accuracy)
    assert not reading.checks.matches_total
    assert len(ocr.sizes) == looks
    assert ocr.sizes == sorted(ocr.sizes)
    fractions = [step.fraction for step in passed]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_the_reading_that_adds_up_is_kept() -> None:
    ocr = Watched(overlooks_bread=True)
    reading, _ = looked_at(photo(ADDS_UP), ocr)
    assert len(ocr.sizes) == 2
    assert reading.total is not None
    assert (str(reading.total.amount), reading.checks.matches_total) == ("7.00", True)


def test_a_picture_without_text_is_not_looked_at_again() -> None:
    ocr = Watched()
    reading, _ = looked_at(photo(()), ocr, "best")
    assert reading.line_items == ()
    assert len(ocr.sizes) == 1
