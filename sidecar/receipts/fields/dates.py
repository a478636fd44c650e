"""The day of the purchase, from every way tills print dates.

03/04/2026 can be read two ways: the caller's order wins, then other dates of the same receipt that
only fit one order, then the receipt's country; else the day comes first with a low confidence.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sidecar.receipts.lines.lines import ReceiptLines
from sidecar.receipts.models import ReceiptDate

Order = Literal["dmy", "mdy", "ymd"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "JAN JANUARY JANUAR JAENNER ENERO ENE JANVIER JANV GENNAIO GEN JANUARI JANEIRO",
            "FEB FEBRUARY FEBRUAR FEBRERO FEVRIER FEVR FEBBRAIO FEBRUARI FEVEREIRO FEV",
            "MAR MARCH MARZ MAERZ MRZ MARZO MARS MAART MAC MARCO MRT",
            "APR APRIL ABRIL ABR AVRIL AVR APRILE",
            "MAY MAI MAYO MAGGIO MAG MEI MAIO",
            "JUN JUNE JUNI JUNIO JUIN GIUGNO GIU JUNHO",
            "JUL JULY JULI JULIO JUILLET JUIL LUGLIO LUG JULAI JULHO",
            "AUG AUGUST AGOSTO AGO AOUT AUGUSTUS OGOS",
            "SEP SEPT SEPTEMBER SEPTIEMBRE SEPTEMBRE SETTEMBRE SET SETEMBRO",
            "OCT OCTOBER OKT OKTOBER OCTUBRE OCTOBRE OTTOBRE OTT OUT OUTUBRO",
            "NOV NOVEMBER NOVIEMBRE NOVEMBRE NOVEMBRO",
            "DEC DECEMBER DEZ DEZEMBER DICIEMBRE DIC DECEMBRE DICEMBRE DISEMBER DIS DES DEZEMBRO",
        ),
        start=1,
    )
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
_LABEL = re.compile(r"\b(DATE|DATUM|TARIKH|FECHA|DATA|DATED|DT)\b|DATE")
_OTHER = re.compile(
    r"EXP|VALID|UNTIL|BEFORE|RETURN|SINCE|BIRTH|DOB|WARRANTY|PROMO|GULTIG|BEST BY|USE BY|EFFECTIVE|\bFROM\b|DUE DATE"
)
_YEARS = range(2000, 2050)


@dataclass(frozen=True, slots=True)
class _Found:
    readings: tuple[tuple[Order, datetime.date], ...]
    weight: float


def date_of(
    receipt: ReceiptLines, order: Order | None, country_order: Order | None
) -> tuple[ReceiptDate | None, tuple[str, ...]]:
    """The date and what to warn about. `order` is the caller's, `country_order` the receipt's."""
    found = list(_dates(receipt))
    if not found:
        return None, ()
    evidence = {
        f.readings[0][0] for f in found if len(f.readings) == 1 and f.readings[0][0] != "ymd"
    }
    own_order = evidence.pop() if len(evidence) == 1 else None
    settled = order or own_order or country_order
    votes: dict[datetime.date, float] = {}
    sure: dict[datetime.date, bool] = {}
    for candidate in found:
        day = _settle(candidate.readings, settled)
        votes[day] = max(votes.get(day, 0), candidate.weight) + (0.3 if day in votes else 0)
        sure[day] = sure.get(day, False) or len(candidate.readings) == 1 or settled is not None
    best = max(votes, key=lambda day: votes[day])
    runner_up = max((votes[day] for day in votes if day != best), default=0.0)
    if not sure[best]:
        others = sorted({d.isoformat() for f in found for _, d in f.readings if d != best})
        warning = (
            f"The date can be read two ways: {best.isoformat()} or {others[0]}." if others else ""
        )
        return ReceiptDate(value=best.isoformat(), confidence=0.5), (warning,) if warning else ()
    confidence = 0.97 if votes[best] - runner_up >= 0.3 else 0.8
    return ReceiptDate(value=best.isoformat(), confidence=confidence), ()


def days_in(text: str) -> frozenset[datetime.date]:
    """Every day that a text may name."""
    return frozenset(day for readings, _ in _readings(text.upper()) for _, day in readings)


def _settle(
    readings: tuple[tuple[Order, datetime.date], ...], order: Order | None
) -> datetime.date:
    return next((day for kind, day in readings if kind == order), readings[0][1])


def _dates(receipt: ReceiptLines) -> Iterator[_Found]:
    count = len(receipt.lines)
    above = ""
    for number, line in enumerate(receipt.lines):
        text = _MISREAD_SLASH.sub(r"\1/\2/\3", line.row.text.upper())
        text = _GLUED_TIME.sub(r"\1 ", text)
        weight = 1.0 + 0.2 * (1 - number / count)
        weight += 1.0 if _LABEL.search(text) else 0.4 if _LABEL.search(above) else 0.0
        weight -= 2.0 if _OTHER.search(text) else 0.0
        above = text
        for readings, end in _readings(text):
            timed = (
                0.6 if _TIME.search(text[end:]) or _TIME.search(text[: max(0, end - 8)]) else 0.0
            )
            yield _Found(readings, weight + timed)


def _readings(text: str) -> Iterator[tuple[tuple[tuple[Order, datetime.date], ...], int]]:
    for match in _NUMERIC.finditer(text):
        first, second, third = (_int(match[group]) for group in (1, 3, 4))
        if len(match[1]) == 3 or (match[2] == "." and len(match[4]) == 2 and len(match[1]) == 1):
            continue
        options: list[tuple[Order, datetime.date | None]] = []
        if len(match[1]) == 4:
            options = [("ymd", _day(first, second, third))]
        else:
            options = [("dmy", _day(third, second, first)), ("mdy", _day(third, first, second))]
        valid = tuple((kind, day) for kind, day in options if day is not None)
        if not valid and len(match[1]) == len(match[4]) == 2:
            day = _day(first, second, third)  # the year first, in two digits: only if nothing else
            valid = (("ymd", day),) if day is not None else ()
        if valid:
            yield valid if len({day for _, day in valid}) > 1 else valid[:1], match.end()
    for match in _DAY_MONTH.finditer(text):
        if day := _day(_int(match[3]), _MONTHS[match[2]], _int(match[1])):
            yield (("ymd", day),), match.end()
    for match in _MONTH_DAY.finditer(text):
        if day := _day(_int(match[3]), _MONTHS[match[1]], _int(match[2])):
            yield (("ymd", day),), match.end()
    for match in _COMPACT_TIMED.finditer(text):
        if day := _day(_int(match[3]), _int(match[2]), _int(match[1])):
            yield (("ymd", day),), match.end()
    if not re.search(r"INV|REC|BILL|TRANS|NO\b|#", text):
        for match in _COMPACT.finditer(text):
            if day := _day(_int(match[1]), _int(match[2]), _int(match[3])):
                yield (("ymd", day),), match.end()


def _int(digits: str) -> int:
    return int(digits.upper().translate(str.maketrans("OIL", "011")))


def _day(year: int, month: int, day: int) -> datetime.date | None:
    if year < 100:
        year += 2000
    if year not in _YEARS:
        return None
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
