"""The Unicode CLDR's data that receipts need, read once from the files that babel carries.

Babel's own `Locale` keeps each language's 200 KB of data for good; here, a file is read for the few
names that are wanted and dropped.
"""

import datetime
import functools
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from babel.core import get_global
from babel.localedata import exists, resolve_locale_filename

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.word_lists import load

Order = Literal["dmy", "mdy", "ymd"]
ORDERS: tuple[Order, ...] = ("dmy", "mdy", "ymd")

NOT_ASCII = r"[^\s\d\x00-\xbf\u2000-\u206f]"
"""A letter, or a mark on one, that is not ASCII's; for regular expressions."""

_MONTH = re.compile(rf"[a-z]{{3,}}|{NOT_ASCII}(?:{NOT_ASCII}|\.(?!$))+")
_RECENT = datetime.date(2010, 1, 1)
_SPOKEN = 20.0
"""Percent of a territory's people that make a language without official status one of its own."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the languages of `data/calendar.toml` call things, without case and accents."""

    months: Mapping[str, frozenset[int]]
    """A name may be two months': "lis" is October in Croatia and November in Poland."""
    before_noon: frozenset[str]
    after_noon: frozenset[str]
    territories: Mapping[str, frozenset[str]]
    """Territories (ISO 3166) by their names, in English and in their own languages."""


@functools.cache
def names() -> Names:
    """Return the names in all languages that tills print."""
    months: dict[str, set[int]] = {}
    shortened: dict[str, set[int]] = {}
    noon: dict[str, set[str]] = {"am": set(), "pm": set()}
    territories: dict[str, set[str]] = {}
    languages_of = spoken()
    for language in load("calendar")["languages"].split():
        data = _read(language)
        own = _months(data)
        for name, number in own.items():
            months.setdefault(name, set()).add(number)
        for name, number in _first_letters(own).items():
            shortened.setdefault(name, set()).add(number)
        for form in data.get("day_periods", {}).get("format", {}).values():
            for period, found in noon.items():
                if isinstance(form, Mapping) and period in form:
                    found.add(fold(form[period]))
        for code, name in data.get("territories", {}).items():
            if len(code) == 2 and (language == "en" or language in languages_of.get(code, ())):
                territories.setdefault(fold(name), set()).add(code)
    for table in ("more_months", "solar_months"):
        for number, extra in enumerate(load("calendar")[table], start=1):
            for name in extra.split():
                months.setdefault(fold(name), set()).add(number)
    months |= {
        before + name: numbers
        for before in load("calendar")["attached"].split()
        for name, numbers in months.items()
    }
    return Names(
        {key: frozenset(value) for key, value in {**shortened, **months}.items()},
        frozenset(noon["am"]),
        frozenset(noon["pm"]),
        {key: frozenset(value) for key, value in territories.items()},
    )


@functools.lru_cache(maxsize=64)
def tender(day: datetime.date | None = None) -> Mapping[str, tuple[str, ...]]:
    """Return the currencies of each territory since 2010: first those of the day, by default the
    present ones, then the others, the latest first.
    """
    return {
        territory: tuple(
            sorted(
                (
                    code
                    for code, _, end, legal in reversed(currencies)
                    if legal and (end is None or datetime.date(*end) >= _RECENT)
                ),
                key=lambda code: day is not None and not _is_tender(code, currencies, day),
            )
        )
        for territory, currencies in get_global("territory_currencies").items()
    }


def _is_tender(code: str, currencies: Sequence[Any], day: datetime.date) -> bool:
    return any(
        code == other
        and (start is None or datetime.date(*start) <= day)
        and (end is None or day <= datetime.date(*end))
        for other, start, end, _ in currencies
    )


@functools.cache
def spoken() -> Mapping[str, frozenset[str]]:
    """Return the languages of each territory: the official ones and those that many speak."""
    return {
        territory: frozenset(
            language.partition("_")[0]
            for language, about in languages.items()
            if str(about["official_status"]).endswith("official")
            or about["population_percent"] >= _SPOKEN
        )
        for territory, languages in get_global("territory_languages").items()
    }


def digits(currency: str) -> int:
    """Return the digits that follow the decimal mark in amounts of a currency."""
    return _fractions(currency)[0]


def cash_digits(currency: str) -> int:
    """Return the digits after the decimal mark of amounts that can be paid in coins."""
    return _fractions(currency)[2]


def _fractions(currency: str) -> tuple[int, int, int, int]:
    fractions: Mapping[str, tuple[int, int, int, int]] = get_global("currency_fractions")
    return fractions.get(currency, fractions["DEFAULT"])


@functools.cache
def date_order_of(locale: str) -> Order | None:
    """Return the order of day, month and year in a locale ("en_US") by its short form."""
    forms = (data["short"].pattern for data in _tables(locale, "date_formats") if "short" in data)
    letters = "".join(dict.fromkeys(re.sub(r"[^dmy]", "", next(forms, "").lower())))
    return next((order for order in ORDERS if order == letters), None)


@functools.cache
def decimal_mark_of(locale: str) -> str:
    """Return the decimal mark of a locale."""
    symbols = (data.get("latn", {}) for data in _tables(locale, "number_symbols"))
    return str(next((found["decimal"] for found in symbols if "decimal" in found), "."))


def locale_of(territory: str) -> str:
    """Return the locale of a territory's main language: "sv_SE"."""
    languages: Mapping[str, Any] = get_global("territory_languages").get(territory, {})
    official = {
        language: about["population_percent"] + 1000 * (about["official_status"] == "official")
        for language, about in languages.items()
    }
    return f"{max(official, key=lambda k: official[k], default='en')}_{territory}"


def _tables(locale: str, key: str) -> Iterator[Any]:
    """Yield a table of a locale, and those of the locales that it inherits from."""
    while locale:
        if exists(locale):
            yield _read(locale).get(key, {})
        locale = get_global("parent_exceptions").get(locale) or locale.rpartition("_")[0]


def _read(locale: str) -> dict[str, Any]:
    with open(resolve_locale_filename(locale), "rb") as file:  # noqa: PTH123 - a name, not a path
        data: dict[str, Any] = pickle.load(file)
    return data


def _months(data: Mapping[str, Any]) -> dict[str, int]:
    return {
        folded: number
        for context in data.get("months", {}).values()
        for width, found in context.items()
        if width != "narrow" and isinstance(found, Mapping)
        for number, name in found.items()
        if _MONTH.fullmatch(folded := fold(name).strip(". "))
    }


def _first_letters(months: Mapping[str, int]) -> dict[str, int]:
    """Return the first three and four letters of names of months that only one month has."""
    found: dict[str, set[int]] = {}
    for name, number in months.items():
        for length in (3, 4):
            found.setdefault(name[:length], set()).add(number)
    return {key: min(numbers) for key, numbers in found.items() if len(numbers) == 1}
