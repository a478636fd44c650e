"""The reader from bytes to fields, with the real recognition engine."""

from pathlib import Path

from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read

SAMPLE = Path(__file__).parents[4] / "samples" / "receipt.jpg"


def test_reading_reports_its_stages_in_order_and_ends_with_the_receipt() -> None:
    steps = read(SAMPLE.read_bytes(), ReceiptOptions(), engine(1), ImageLimits())
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            receipt = done.value
            break
    assert list(dict.fromkeys(step.stage for step in seen)) == [
        "decode",
        "detect",
        "recognise",
        "read",
    ]
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert receipt.merchant is not None
    assert receipt.merchant.name == "GREEN VALLEY MARKET"
    assert str(receipt.total.amount) == "33.67"
    assert len(receipt.line_items) == 8
