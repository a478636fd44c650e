"""Scores extractions against labels, for the benchmark and the tests.

total      equal as decimals                     date   equal as ISO dates
merchant   90 % alike (rapidfuzz ratio) in capitals, letters and digits alone
items      F1 of lines matched one to one by equal price, and names 80 % alike (token_sort_ratio)
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rapidfuzz import fuzz

from sidecar.receipts.models import Extraction

_Line = tuple[str, Decimal]


@dataclass(frozen=True)
class Score:
    """One receipt's result; `hits` of `expected` and `extracted` lines, by name and price."""

    total: bool | None
    """These three are None, and not counted, where the label does not have them."""
    date: bool | None
    merchant: bool | None
    hits: int
    price_hits: int
    expected: int
    extracted: int

    @property
    def all_three(self) -> bool | None:
        """Whether total, date and merchant are right; None without a label for each."""
        fields = (self.total, self.date, self.merchant)
        return None if None in fields else all(fields)


def score_extraction(extraction: Extraction, label: Mapping[str, Any]) -> Score:
    """Compare with a label {"merchant", "date", "total", "items": [{name, total_price}]}.

    Each value of the label may be None.
    """
    expected = [(item["name"], _cents(item["total_price"])) for item in label["items"] or ()]
    extracted = [(item.parsed_name, item.total_price.amount) for item in extraction.line_items]
    total = extraction.total.amount if extraction.total else None
    date = extraction.date.value if extraction.date else None
    name = extraction.merchant.name if extraction.merchant else ""
    return Score(
        total=None if label["total"] is None else total == _cents(label["total"]),
        date=None if label["date"] is None else date == label["date"],
        merchant=None
        if label["merchant"] is None
        else fuzz.ratio(_letters_and_digits(name), _letters_and_digits(label["merchant"])) >= 90,
        hits=_hits(expected, extracted, by_name=True) if expected else 0,
        price_hits=_hits(expected, extracted, by_name=False) if expected else 0,
        expected=len(expected),
        extracted=len(extracted) if expected else 0,
    )


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """Return percentages of right fields, and item F1 (0 to 1) over receipts with labeled items."""
    lines = max(1, sum(s.expected + s.extracted for s in scores))
    return {
        "total": _right(s.total for s in scores),
        "date": _right(s.date for s in scores),
        "merchant": _right(s.merchant for s in scores),
        "all three": _right(s.all_three for s in scores),
        "item F1": 2 * sum(s.hits for s in scores) / lines,
        "by price": 2 * sum(s.price_hits for s in scores) / lines,
    }


def _right(marks: Iterable[bool | None]) -> float:
    counted = [mark for mark in marks if mark is not None]
    return 100 * sum(counted) / max(1, len(counted))


def _hits(expected: Iterable[_Line], extracted: Sequence[_Line], *, by_name: bool) -> int:
    remaining, hits = list(extracted), 0
    for name, price in expected:
        for index, (read_name, read_price) in enumerate(remaining):
            alike = fuzz.token_sort_ratio(name.upper(), read_name.upper()) >= 80
            if read_price == price and (alike or not by_name):
                hits += 1
                del remaining[index]
                break
    return hits


def _cents(value: object) -> Decimal:
    return Decimal(str(value).replace(",", "")).quantize(Decimal("0.01"))


def _letters_and_digits(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
