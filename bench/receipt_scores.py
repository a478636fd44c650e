"""Scores extractions, in the nested form of the wire, against labels.

total      equal as decimals                     date   equal as ISO dates
currency   equal; another currency is counted apart from a missing one
merchant   90 % alike (rapidfuzz ratio) in capitals, letters and digits alone, for images; for texts
           bench/receipt_texts.py has another measure
items      F1 of lines matched one to one by equal price, and names 80 % alike (token_sort_ratio)
sure       of what is given at a confidence of 0.9 or more, what is right
silent     whether an extraction says that the items match the total, and has other prices than the
           label

A field that the label does not have is not counted.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from rapidfuzz import fuzz

from sidecar.receipts.models import Extraction

SURE = 0.9
FIELDS = ("total", "date", "currency", "merchant", "items")
"""What has a confidence, in the order of the tables."""

SameShop = Callable[[str, str], bool]
"""Whether a name that was read, the second one, is that of the label."""

_Line = tuple[str, Decimal | None]


@dataclass(frozen=True)
class Score:
    """One receipt's result; `hits` of `expected` and `extracted` lines, by name and price."""

    total: bool | None
    """These, and `silent`, are None where the label lacks what they are compared with."""
    date: bool | None
    merchant: bool | None
    currency: bool | None
    other_currency: bool | None
    """Whether another currency than the label's was read."""
    hits: int
    price_hits: int
    expected: int
    extracted: int
    sure: Mapping[str, Sequence[bool]]
    """By FIELDS: whether what is given with a high confidence is right."""
    silent: bool | None

    @property
    def all_three(self) -> bool | None:
        """Whether total, date and merchant are right; None without a label for each."""
        fields = (self.total, self.date, self.merchant)
        return None if None in fields else all(fields)


def alike(labeled: str, read: str) -> bool:
    """Return whether two names of shops are 90 % alike in letters and digits."""
    return fuzz.ratio(_letters_and_digits(read), _letters_and_digits(labeled)) >= 90


def score_extraction(extraction: Extraction, label: Mapping[str, Any]) -> Score:
    """Compare an extraction with a label, as `score_reading` does."""
    return score_reading(extraction.nested(), label)


def score_reading(
    read: Mapping[str, Any], label: Mapping[str, Any], same_shop: SameShop = alike
) -> Score:
    """Compare a nested form, {} for a missing one, with a label {"merchant", "date", "total",
    "currency", "items": [{"name", "total_price" or "total"}]}, each of which may be None.
    """
    total, date, merchant = (read.get(key) or {} for key in ("total", "date", "merchant"))
    currency = read.get("currency") or total.get("currency")
    right: dict[str, bool] = {}
    if (labeled := amount_of(label.get("total"))) is not None:
        right["total"] = amount_of(total) == labeled
    if label.get("date"):
        right["date"] = date.get("value") == label["date"]
    if label.get("merchant"):
        right["merchant"] = same_shop(label["merchant"], merchant.get("name") or "")
    if label.get("currency"):
        right["currency"] = currency == label["currency"]
    confidences = {
        "total": total.get("confidence"),
        "date": date.get("confidence"),
        "merchant": merchant.get("confidence"),
        "currency": read.get("currency_confidence") if currency else None,
    }
    sure: dict[str, Sequence[bool]] = {
        key: [correct] for key, correct in right.items() if (confidences[key] or 0) >= SURE
    }
    named: list[int] = []
    priced: list[int] = []
    expected = [(str(i["name"]), amount_of(_price(i))) for i in label.get("items") or ()]
    lines = read.get("line_items") or [] if expected else []
    if expected:
        given = [
            (i.get("parsed_name") or i.get("raw_text") or "", amount_of(i.get("total_price")))
            for i in lines
        ]
        named = _matched(expected, given, by_name=True)
        priced = _matched(expected, given, by_name=False)
        sure["items"] = [
            k in named for k, i in enumerate(lines) if (i.get("confidence") or 0) >= SURE
        ]
    claims = bool((read.get("checks") or {}).get("matches_total"))
    return Score(
        total=right.get("total"),
        date=right.get("date"),
        merchant=right.get("merchant"),
        currency=right.get("currency"),
        other_currency=bool(currency) and not right["currency"] if "currency" in right else None,
        hits=len(named),
        price_hits=len(priced),
        expected=len(expected),
        extracted=len(lines),
        sure=sure,
        silent=claims and len(priced) < max(len(expected), len(lines)) if expected else None,
    )


def amount_of(value: object) -> Decimal | None:
    """Return the amount of a text, a number or {"amount"}, to the cent; None if it is none."""
    if isinstance(value, Mapping):
        value = value.get("amount")
    try:
        return Decimal(str(value).replace(",", "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def _price(item: Mapping[str, Any]) -> object:
    return item["total_price"] if item.get("total_price") is not None else item.get("total")


def _matched(expected: Iterable[_Line], given: Sequence[_Line], *, by_name: bool) -> list[int]:
    """Return the indices of the given lines that are an expected one, each of a different one."""
    left, matched = list(range(len(given))), []
    for name, price in expected:
        for index in left:
            read_name, read_price = given[index]
            same = fuzz.token_sort_ratio(name.upper(), read_name.upper()) >= 80
            if read_price == price and (same or not by_name):
                matched.append(index)
                left.remove(index)
                break
    return matched


def _letters_and_digits(name: str) -> str:
    return re.sub(r"[\W_]", "", name.upper())


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """Return percentages of right fields, and item F1 (0 to 1) over receipts with labeled items."""
    lines = max(1, sum(s.expected + s.extracted for s in scores))
    return {
        "total": _percent(s.total for s in scores),
        "date": _percent(s.date for s in scores),
        "merchant": _percent(s.merchant for s in scores),
        "all three": _percent(s.all_three for s in scores),
        "currency": _percent(s.currency for s in scores),
        "other currency": _percent(s.other_currency for s in scores),
        "item F1": 2 * sum(s.hits for s in scores) / lines,
        "by price": 2 * sum(s.price_hits for s in scores) / lines,
        "silent": _percent(s.silent for s in scores),
    }


def _percent(marks: Iterable[bool | None]) -> float:
    counted = [mark for mark in marks if mark is not None]
    return 100 * sum(counted) / max(1, len(counted))


ACCURACY = """
| receipts | n | total | date | merchant | currency (another) | item F1 (by price) | silent |
|---|---|---|---|---|---|---|---|"""


def accuracy_row(name: str, scores: Sequence[Score]) -> str:
    """Return a row of the table that ACCURACY heads."""
    row = summary(scores)
    return (
        f"| {name} | {len(scores)} | {row['total']:.1f} | {row['date']:.1f}"
        f" | {row['merchant']:.1f} | {row['currency']:.1f} ({row['other currency']:.1f})"
        f" | {row['item F1']:.3f} ({row['by price']:.3f}) | {row['silent']:.1f} |"
    )


CONFIDENCE = f"""
| right at >= {SURE} | totals | dates | currencies | merchants | items |
|---|---|---|---|---|---|"""


def confidence_row(name: str, scores: Sequence[Score]) -> str:
    """Return a row of the table that CONFIDENCE heads: percent right, and of how many."""
    cells = []
    for field in FIELDS:
        marks = [mark for score in scores for mark in score.sure.get(field, ())]
        cells.append(f"{_percent(marks):.1f} of {len(marks)}" if marks else "none")
    return f"| {name} | {' | '.join(cells)} |"
