"""How right an extraction is against a label: the rules that bench and tests share.

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
    """One receipt's result; `hits` of `wanted` and `given` lines, by name and price."""

    total: bool | None
    """Each of the three is None where the label leaves it out: it is not counted."""
    date: bool | None
    merchant: bool | None
    hits: int
    price_hits: int
    wanted: int
    given: int

    @property
    def all_three(self) -> bool | None:
        """Total, date and merchant are right on this receipt; None without a label for each."""
        fields = (self.total, self.date, self.merchant)
        return None if None in fields else all(fields)


def score(extraction: Extraction, label: Mapping[str, Any]) -> Score:
    """Compare with a label {"merchant", "date", "total", "items": [{name, total_price}]}, of which
    each may be None.
    """
    wanted = [(item["name"], _cents(item["total_price"])) for item in label["items"] or ()]
    given = [(item.parsed_name, item.total_price.amount) for item in extraction.line_items]
    total = extraction.total.amount if extraction.total else None
    date = extraction.date.value if extraction.date else None
    name = extraction.merchant.name if extraction.merchant else ""
    return Score(
        total=None if label["total"] is None else total == _cents(label["total"]),
        date=None if label["date"] is None else date == label["date"],
        merchant=None
        if label["merchant"] is None
        else fuzz.ratio(_squeezed(name), _squeezed(label["merchant"])) >= 90,
        hits=_hits(wanted, given, by_name=True) if wanted else 0,
        price_hits=_hits(wanted, given, by_name=False) if wanted else 0,
        wanted=len(wanted),
        given=len(given) if wanted else 0,
    )


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """Percentages of right fields, and item F1 (0 to 1) over the receipts with labelled items."""
    lines = max(1, sum(s.wanted + s.given for s in scores))
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


def _hits(wanted: Iterable[_Line], given: Sequence[_Line], *, by_name: bool) -> int:
    left, hits = list(given), 0
    for name, price in wanted:
        for place, (read_name, read_price) in enumerate(left):
            alike = fuzz.token_sort_ratio(name.upper(), read_name.upper()) >= 80
            if read_price == price and (alike or not by_name):
                hits += 1
                del left[place]
                break
    return hits


def _cents(value: object) -> Decimal:
    return Decimal(str(value).replace(",", "")).quantize(Decimal("0.01"))


def _squeezed(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
