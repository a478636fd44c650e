"""The reader on the thirty golden receipts that the project drew: every shop, every mishap."""

import pytest

from bench.receipt_scores import Score, score, summary
from bench.receipts import labelled
from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read_receipt
from tests.corpus.golden import FOLDER


@pytest.fixture(scope="module")
def readings() -> list[tuple[str, Extraction, Score]]:
    found = []
    for case in labelled(FOLDER):
        extraction = read_receipt(case.image, ReceiptOptions(), engine(2), ImageLimits())
        found.append((case.label["id"], extraction, score(extraction, case.label)))
    return found


def test_every_total_date_and_merchant_is_right(
    readings: list[tuple[str, Extraction, Score]],
) -> None:
    assert len(readings) == 30
    assert [name for name, _, result in readings if not result.all_three] == []


def test_the_line_items_are_those_that_were_printed(
    readings: list[tuple[str, Extraction, Score]],
) -> None:
    numbers = summary([result for _, _, result in readings])
    assert numbers["item F1"] >= 0.95
    assert numbers["by price"] >= 0.98


def test_what_is_given_with_confidence_is_right(
    readings: list[tuple[str, Extraction, Score]],
) -> None:
    sure = [
        result.total
        for _, extraction, result in readings
        if extraction.total is not None and extraction.total.confidence >= 0.9
    ]
    assert len(sure) >= 20
    assert all(sure)
