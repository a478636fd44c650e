"""Receipts of invented shops, printed the way the tills of many countries print them.

Each file of tills/ is a receipt and, below =====, what a person reads there: the date, the time,
the total with its currency, and each item as its name, quantity and unit, price, and what was taken
off it.
"""

from pathlib import Path

import pytest

from sidecar.receipts.models import Extraction
from tests.unit.sidecar.receipts.printed import read

TILLS = sorted((Path(__file__).parent / "tills").glob("*.txt"))


def as_said(extraction: Extraction) -> list[str]:
    assert extraction.date is not None
    assert extraction.total is not None
    said = [
        f"date {extraction.date.value}",
        f"time {extraction.time.value}" if extraction.time else "no time",
        f"total {extraction.total.amount} {extraction.currency}",
    ]
    for item in extraction.line_items:
        quantity = f"{item.quantity.normalize():f} {item.unit or ''}".strip()
        off = (f"-{item.discount.amount}",) if item.discount else ()
        said.append(" | ".join((item.parsed_name, quantity, str(item.total_price.amount), *off)))
    return said


@pytest.mark.parametrize("file", TILLS, ids=lambda file: file.stem)
def test_a_receipt_is_read_as_a_person_reads_it(file: Path) -> None:
    printed, expected = file.read_text("utf-8").split("\n=====\n")
    extraction = read(printed)
    assert as_said(extraction) == expected.strip().splitlines()
    assert extraction.checks.matches_total
