"""Dates whose years are counted as Thailand, Iran, Arab countries and Taiwan do.

Thailand counts from the Buddha's death (2567 is 2024), Taiwan from its republic (113), Iran by a solar
calendar of its own (1403) and Arab countries, beside the Gregorian, by the moon (1446). The year tells
which it is, where the script is the country's.
"""

import datetime
import re
from collections.abc import Iterable

Scripts = frozenset[str]
"""Those of "arabic", "han" and "thai" that a receipt has."""

_LETTERS = {
    "arabic": re.compile("[\u0600-\u06ff]"),
    "han": re.compile("[\u4e00-\u9fff]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
}
_FIRST_YEAR = 2000
_BUDDHIST = 543
_REPUBLIC = 1911
_FIRST_SOLAR_YEAR = 1370  # 1991
_FIRST_LUNAR_YEAR = 1420  # 1999; the solar year of that number begins in 2041


def scripts_of(lines: Iterable[str]) -> Scripts:
    """Return which of the scripts that come with a calendar of their own the lines have."""
    text = " ".join(lines)
    if text.isascii():
        return frozenset()
    return frozenset(name for name, letters in _LETTERS.items() if letters.search(text))


def day_of(year: str, month: str, day: str, scripts: Scripts = frozenset()) -> datetime.date | None:
    """Return the day of this century that a year, a month and a day in digits are, if there is one."""
    number = int(year)
    try:
        if _FIRST_SOLAR_YEAR <= number < _FIRST_YEAR - 500 and "arabic" in scripts:
            return _within(_hijri(number, int(month), int(day)))
        if number < 100:
            number += _FIRST_YEAR
            if "thai" in scripts and number > _FIRST_YEAR + 50:
                number += 500 - _BUDDHIST
        elif number < 200 and "han" in scripts:
            number += _REPUBLIC
        elif number > _FIRST_YEAR + 440:
            number -= _BUDDHIST
        return _within(datetime.date(number, int(month), int(day)))
    except ValueError:
        return None


def _within(day: datetime.date) -> datetime.date | None:
    return day if _FIRST_YEAR <= day.year < _FIRST_YEAR + 100 else None


def _hijri(year: int, month: int, day: int) -> datetime.date:
    """Return the day of a date by Iran's calendar, or by that of Umm al-Qura."""
    # Few receipts need them.
    from hijridate import Hijri
    from persiantools.jdatetime import JalaliDate

    if year < _FIRST_LUNAR_YEAR:
        solar = JalaliDate(year, month, day)  # type: ignore[no-untyped-call]
        found: datetime.date = solar.to_gregorian()
        return found
    return datetime.date(*Hijri(year, month, day).to_gregorian().datetuple())
