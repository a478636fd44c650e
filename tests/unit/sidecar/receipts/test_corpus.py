"""The reader on the thirty golden receipts that the project draws: all shops, all defects."""

import pytest

from bench.receipt_scores import Score, score_extraction, summary
from bench.receipts import load_cases
from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read_receipt
from tests.corpus.golden import FOLDER


@pytest.fixture(scope="module")
def readings() -> list[tuple[str, Extraction, Score]]:
    results = []
    for case in load_cases(FOLDER):
        extraction = read_receipt(case.image, ReceiptOptions(), engine(2), ImageLimits())
        results.append((case.label["id"], extraction, score_extraction(extraction, case.label)))
    return results


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


def test_totals_with_a_high_confidence_are_right(
    readings: list[tuple[str, Extraction, Score]],
) -> None:
    confident = [
        result.total
        for _, extraction, result in readings
        if extraction.total is not None and extraction.total.confidence >= 0.9
    ]
    assert len(confident) >= 20
    assert all(confident)
