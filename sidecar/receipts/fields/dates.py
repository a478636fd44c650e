"""The date of the purchase, in every form that tills print.

03/04/2026 is ambiguous. The caller's order decides, then other dates of the same receipt that fit
only one order, then the receipt's country; otherwise the day comes first, with a low confidence.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sidecar.receipts.lines.lines import ReceiptLines
from sidecar.receipts.models import ReceiptDate
from sidecar.receipts.word_lists import load, pattern

Order = Literal["dmy", "mdy", "ymd"]
_Readings = tuple[tuple[Order, datetime.date], ...]

_MONTHS = {
    name: number
    for number, names in enumerate(load("dates")["months"], start=1)
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_D = r"[\dOoIl]"
_NUMERIC = re.compile(
    rf"(?<![\d.,/-])({_D}{{1,4}})\s?([/.\-~])\s?({_D}{{1,2}})\s?\2\s?({_D}{{4}}|\d{{2}}(?!\d))(?![/.-]\d)"
)
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:ST|ND|RD|TH)?[\s.,/\-]{{0,3}}({_MONTH})[A-Z]*[\s.,/\-']{{0,3}}(\d{{4}}|\d{{2}})(?!\d)"
)
_MONTH_DAY = re.compile(
    rf"(?<![A-Z])({_MONTH})[\s.,/\-]{{0,3}}(\d{{1,2}})(?:ST|ND|RD|TH)?[\s.,/\-']{{1,3}}(\d{{4}}|\d{{2}})(?!\d)"
)
_COMPACT = re.compile(r"(?<!\d)(20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")
_COMPACT_TIMED = re.compile(
    r"(?<!\d)(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(20[0-4]\d) (?=\d{1,2}:\d{2})"
)
_MISREAD_SLASH = re.compile(  # 06721/24 05:29pm
    r"(?<!\d)(\d{2})[71IL|](\d{2})/(\d{4}|\d{2})(?= {1,2}\d{1,2}:\d{2})"
)
_GLUED_TIME = re.compile(r"(\d{1,2}:\d{2})(?=\d{2}[/-]\d{2}[/-])")
_TIME = re.compile(r"\b\d{1,2}\s?[:.]\s?\d{2}(?:\s?[:.]\s?\d{2})?\s?(?:[AP]\.?M)?|\d{1,2}[:H]\d{2}")
_LABEL = pattern("dates", "date_labels")
_OTHER_DATE = pattern("dates", "other_dates")
_YEARS = range(2000, 2050)
# Patterns with the groups of year, month and day. The last one also matches document numbers.
_UNAMBIGUOUS = (
    (_DAY_MONTH, 3, 2, 1),
    (_MONTH_DAY, 3, 1, 2),
    (_COMPACT_TIMED, 3, 2, 1),
    (_COMPACT, 1, 2, 3),
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    readings: _Readings
    score: float


def date_of(
    receipt: ReceiptLines, order: Order | None, country_order: Order | None
) -> tuple[ReceiptDate | None, tuple[str, ...]]:
    """Return the date, and warnings. `order` is the caller's, `country_order` the receipt's."""
    candidates = list(_candidates(receipt))
    if not candidates:
        return None, ()
    orders = {c.readings[0][0] for c in candidates if len(c.readings) == 1}
    orders.discard("ymd")
    own_order = orders.pop() if len(orders) == 1 else None
    known_order = order or own_order or country_order
    scores: dict[datetime.date, float] = {}
    certain: dict[datetime.date, bool] = {}
    for candidate in candidates:
        readings = candidate.readings
        day = next((day for kind, day in readings if kind == known_order), readings[0][1])
        scores[day] = max(scores.get(day, 0), candidate.score) + (0.3 if day in scores else 0)
        certain[day] = certain.get(day, False) or len(readings) == 1 or known_order is not None
    best = max(scores, key=lambda day: scores[day])
    runner_up = max((scores[day] for day in scores if day != best), default=0.0)
    if not certain[best]:
        others = sorted({d.isoformat() for c in candidates for _, d in c.readings if d != best})
        warning = f"The date can be read two ways: {best.isoformat()} or {others[0]}."
        return ReceiptDate(value=best.isoformat(), confidence=0.5), (warning,)
    confidence = 0.97 if scores[best] - runner_up >= 0.3 else 0.8
    return ReceiptDate(value=best.isoformat(), confidence=confidence), ()


def dates_in(text: str) -> frozenset[datetime.date]:
    """Return every date that a text may show."""
    return frozenset(day for readings, _ in _readings(text.upper()) for _, day in readings)


def _candidates(receipt: ReceiptLines) -> Iterator[_Candidate]:
    count = len(receipt.lines)
    above = ""
    for number, line in enumerate(receipt.lines):
        text = _MISREAD_SLASH.sub(r"\1/\2/\3", line.text.upper())
        text = _GLUED_TIME.sub(r"\1 ", text)
        score = 1.0 + 0.2 * (1 - number / count)
        score += 1.0 if _LABEL.search(text) else 0.4 if _LABEL.search(above) else 0.0
        score -= 2.0 if _OTHER_DATE.search(text) else 0.0
        above = text
        for readings, end in _readings(text):
            timed = _TIME.search(text[end:]) or _TIME.search(text[: max(0, end - 8)])
            yield _Candidate(readings, score + (0.6 if timed else 0.0))


def _readings(text: str) -> Iterator[tuple[_Readings, int]]:
    """Yield the possible readings of each date in the text, and where it ends."""
    for match in _NUMERIC.finditer(text):
        first, second, third = (_int(match[group]) for group in (1, 3, 4))
        if len(match[1]) == 3 or (match[2] == "." and len(match[4]) == 2 and len(match[1]) == 1):
            continue
        options: list[tuple[Order, datetime.date | None]] = []
        if len(match[1]) == 4:
            options = [("ymd", _date(first, second, third))]
        else:
            options = [("dmy", _date(third, second, first)), ("mdy", _date(third, first, second))]
        valid = tuple((kind, day) for kind, day in options if day is not None)
        if not valid and len(match[1]) == len(match[4]) == 2:
            day = _date(first, second, third)  # the year in two digits, if nothing else fits
            valid = (("ymd", day),) if day is not None else ()
        if valid:
            yield valid if len({day for _, day in valid}) > 1 else valid[:1], match.end()
    numbered = re.search(r"INV|REC|BILL|TRANS|NO\b|#", text)
    for form, year, month, day_of_month in _UNAMBIGUOUS[: -1 if numbered else None]:
        for match in form.finditer(text):
            if day := _date(_int(match[year]), _int(match[month]), _int(match[day_of_month])):
                yield (("ymd", day),), match.end()


def _int(digits: str) -> int:
    return _MONTHS.get(digits) or int(digits.upper().translate(str.maketrans("OIL", "011")))


def _date(year: int, month: int, day: int) -> datetime.date | None:
    if year < 100:
        year += 2000
    if year not in _YEARS:
        return None
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
