"""The locale of a receipt: its currency, its decimal mark and the order of its dates.

Nothing is guessed: a sign that several countries share ("$", "kr") is no evidence by itself, and a
receipt that shows no currency has none.
"""

import re
from dataclasses import dataclass

from sidecar.receipts.fields.dates import Order
from sidecar.receipts.lines.amounts import Mark
from sidecar.receipts.word_lists import load, one_line


@dataclass(frozen=True, slots=True)
class Locale:
    """What is known of a receipt's currency (ISO 4217), and of its written amounts and dates."""

    currency: str | None = None
    mark: Mark | None = None
    date_order: Order | None = None


_LOCALES = load("locales")
_CURRENCIES, _LANGUAGES, _REGIONS = (
    {key: frozenset(codes.split()) for key, codes in _LOCALES[table].items()}
    for table in ("currencies", "languages", "regions")
)
_CODES = _LOCALES["currencies"]["codes"].split()


def _compile(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Compile a pattern with the names of the states inserted."""
    for name in ("states", "state_names"):
        pattern = pattern.replace(f"{{{name}}}", _LOCALES[name])
    return re.compile(one_line(pattern), flags)


_SIGNS, _WORDS = (
    {currency: _compile(pattern) for currency, pattern in _LOCALES[table].items()}
    for table in ("signs", "words")
)
_US_SIGNS = _compile(_LOCALES["us_signs"], re.MULTILINE)
_DOLLARS = {"USD", "CAD", "AUD", "SGD"}


def country_of(text: str, requested: str | None, chain: str | None = None) -> Locale:
    """Return the country's locale by the text, else by its chain's or the requested currency."""
    upper = text.upper()
    shown = _shown(upper)
    hinted = next((currency for currency, words in _WORDS.items() if words.search(upper)), None)
    if shown is None and "$" in upper and hinted in _DOLLARS:
        shown = hinted
    if shown is None and hinted is None and "$" in upper and _US_SIGNS.search(upper):
        hinted = "USD"
    if shown is None and hinted == "EUR":
        shown = None if re.search(r"\bCHF\b|\bKR\b", upper) else "EUR"
    currency = shown or chain or hinted or requested
    return Locale(currency, date_order=_currency_order(currency))


def _shown(upper: str) -> str | None:
    votes = {currency: len(sign.findall(upper)) for currency, sign in _SIGNS.items()}
    for code in _CODES:
        votes[code] = votes.get(code, 0) + len(re.findall(rf"(?<![A-Z]){code}(?![A-Z])", upper))
    best = max(votes, key=lambda code: votes[code])
    return best if votes[best] else None


def _currency_order(currency: str | None) -> Order | None:
    if currency is None or currency in _CURRENCIES["either_order"]:
        return None
    if currency in _CURRENCIES["month_first"]:
        return "mdy"
    return "ymd" if currency in _CURRENCIES["year_first"] else "dmy"


def writing_of(tag: str | None) -> Locale:
    """Return how a language ("de", "en-US") is written; "en" alone has no date order."""
    if tag is None:
        return Locale()
    language, *rest = re.split("[-_]", tag.upper())
    region = next((part for part in rest if len(part) == 2), None)
    return Locale(None, _mark(language, region), _language_order(language, region))


def _mark(language: str, region: str | None) -> Mark | None:
    if language in _LANGUAGES["decimal_comma"]:
        return "." if region in _REGIONS["decimal_point"] else ","
    if language in _LANGUAGES["decimal_point"]:
        return "," if region in _REGIONS["decimal_comma"] else "."
    return None


def _language_order(language: str, region: str | None) -> Order | None:
    if region in _REGIONS["either_order"] or (language == "EN" and region is None):
        return None
    if region in _REGIONS["month_first"]:
        return "mdy"
    if language in _LANGUAGES["year_first"]:
        return "ymd"
    return "dmy" if language in _LANGUAGES["decimal_comma"] | _LANGUAGES["decimal_point"] else None
