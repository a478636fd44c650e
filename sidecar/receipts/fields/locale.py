"""Where the receipt is from, by what it shows: its currency and the order of its dates.

Never a guess: a sign that several countries share ("$", "kr") says nothing by itself, and a
receipt that shows nothing has no currency.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sidecar.receipts.fields.dates import Order


@dataclass(frozen=True, slots=True)
class Country:
    """What a receipt's country settles; either may stay unknown."""

    currency: str | None = None
    date_order: Order | None = None


_CODES = [
    "USD",
    "EUR",
    "GBP",
    "MYR",
    "SGD",
    "AUD",
    "CAD",
    "NZD",
    "CHF",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "JPY",
    "INR",
    "IDR",
    "THB",
    "HKD",
]
_SIGNS: tuple[tuple[str, str], ...] = (
    (r"£\s?-?\d|-?\d\s?£", "GBP"),
    (r"€|\bEURO\b|(?<![A-Z])EUR(?![A-Z])", "EUR"),
    (r"(?<![A-Z])RM\s?:?\s?-?[\dO]|\(RM\)|\bRM\b", "MYR"),
    (r"₹", "INR"),
    (r"S\$", "SGD"),
    (r"A\$|AU\$", "AUD"),
    (r"C\$|CA\$", "CAD"),
    (r"US\$", "USD"),
    (r"(?<![A-Z])CHF(?![A-Z])", "CHF"),
)
# Words that only one country's receipts carry, with its currency.
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA"
    "|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC"
)
_STATE_NAMES = (
    "ALABAMA|ALASKA|ARIZONA|ARKANSAS|CALIFORNIA|COLORADO|CONNECTICUT|DELAWARE|FLORIDA|GEORGIA|HAWAII|IDAHO|ILLINOIS|INDIANA|IOWA|KANSAS|KENTUCKY"
    "|LOUISIANA|MAINE|MARYLAND|MASSACHUSETTS|MICHIGAN|MINNESOTA|MISSISSIPPI|MISSOURI|MONTANA|NEBRASKA|NEVADA|NEW HAMPSHIRE|NEW JERSEY|NEW MEXICO"
    "|NEW YORK|NORTH CAROLINA|NORTH DAKOTA|OHIO|OKLAHOMA|OREGON|PENNSYLVANIA|RHODE ISLAND|SOUTH CAROLINA|SOUTH DAKOTA|TENNESSEE|TEXAS|UTAH|VERMONT"
    "|VIRGINIA|WASHINGTON|WISCONSIN|WYOMING"
)
_WORDS: tuple[tuple[str, str], ...] = (
    (r"\bSDN\.? ?BHD|\bMALAYSIA\b|\bKUALA LUMPUR\b|\bSELANGOR\b|\bJOHOR\b|\bSHAH ALAM\b|\bPETALING JAYA\b|\bPENANG\b|\bMELAKA\b", "MYR"),
    (r"\bHST\b|\bPST\b|\bQST\b|\bTVQ\b|\bINTERAC\b|\b[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d\b", "CAD"),
    (r"\bABN\b|\bPTY\.? LTD|\bEFTPOS\b", "AUD"),
    (r"\bVAT (REG )?(NO|NUMBER|REG)[^A-Z]*GB|\bVAT NO:? ?GB|\bUNITED KINGDOM\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b", "GBP"),
    (r"\bMWST\b|\bUID\b|\bTVA\b|\bIVA\b|\bBTW\b|\bUST-?ID|\bGMBH\b|\bSTEUER|\bSIRET\b|\bP\.?IVA\b", "EUR"),
    (
        rf"\b({_STATES})\.?,? \d{{5}}(-\d{{4}})?\b|\b({_STATE_NAMES})\.?,? \d{{5}}\b|\b({_STATES}) (SALES )?TAX\b|\b({_STATES}) \d\.\d+ ?% TAX\b"
        r"|\bSALES TAX\b|\bEBT\b|\bSNAP\b|\(\d{3}\) ?\d{3} ?- ?\d{4}",
        "USD",
    ),
)  # fmt: skip
_DOLLARS = re.compile(
    rf"(?<!\d)\d{{3}}[-. ]\d{{3}}[-. ]\d{{4}}(?!\d)|, ?({_STATES})$|\b(AVE|BLVD|HWY|PKWY)\b",
    re.MULTILINE,
)
"""What, beside a "$", only receipts of the United States have (those of Canada have their taxes)."""
_MONTH_FIRST = {"USD"}
_EITHER = {"CAD"}  # Canada prints both orders
_YEAR_FIRST_CURRENCIES = {"SEK"}


def country_of(text: str, given: str | None, chain: str | None = None) -> Country:
    """What the text says about the receipt's country, else the currency (ISO 4217) of its chain,
    else the caller's.
    """
    upper = text.upper()
    shown = _shown(upper)
    hinted = next((code for pattern, code in _WORDS if re.search(pattern, upper)), None)
    if shown is None and "$" in upper and hinted in {"USD", "CAD", "AUD", "SGD"}:
        shown = hinted
    if shown is None and hinted is None and "$" in upper and _DOLLARS.search(upper):
        hinted = "USD"
    if shown is None and hinted == "EUR":
        shown = None if re.search(r"\bCHF\b|\bKR\b", upper) else "EUR"
    currency = shown or chain or hinted or given
    return Country(currency, _order(currency))


def _shown(upper: str) -> str | None:
    votes = {code: len(re.findall(pattern, upper)) for pattern, code in _SIGNS}
    for code in _CODES:
        votes[code] = votes.get(code, 0) + len(re.findall(rf"(?<![A-Z]){code}(?![A-Z])", upper))
    best = max(votes, key=lambda code: votes[code])
    return best if votes[best] else None


def _order(currency: str | None) -> Order | None:
    if currency is None or currency in _EITHER:
        return None
    if currency in _MONTH_FIRST:
        return "mdy"
    return "ymd" if currency in _YEAR_FIRST_CURRENCIES else "dmy"


def _codes(printed: str) -> frozenset[str]:
    return frozenset(printed.split())


_COMMA = _codes(
    "BG CS DA DE EL ES ET FI FR HR HU ID IT LT LV NB NL NN NO PL PT RO RU SK SL SR SV TR UK VI"
)
_POINT = _codes("EN GA HE HI JA KO MS MT TA TH ZH")
_POINT_REGIONS = _codes("CH LI MX US PR DO GT HN NI PA SV PE")  # of languages with a comma
_COMMA_REGIONS = _codes("ZA")  # of languages with a point
_YEAR_FIRST_LANGUAGES = _codes("HU JA KO LT SV ZH")
_MONTH_FIRST_REGIONS = _codes("US PH PR")
_EITHER_ORDER_REGIONS = _codes("CA")


@dataclass(frozen=True, slots=True)
class Writing:
    """How amounts and dates are written; either may stay unknown."""

    mark: Literal[".", ","] | None = None
    date_order: Order | None = None


def writing_of(tag: str | None) -> Writing:
    """What a tag such as "de" or "en-US" settles; English without a country has no date order."""
    if tag is None:
        return Writing()
    language, *rest = re.split("[-_]", tag.upper())
    region = next((part for part in rest if len(part) == 2), None)
    return Writing(_mark(language, region), _date_order(language, region))


def _mark(language: str, region: str | None) -> Literal[".", ","] | None:
    if language in _COMMA:
        return "." if region in _POINT_REGIONS else ","
    if language in _POINT:
        return "," if region in _COMMA_REGIONS else "."
    return None


def _date_order(language: str, region: str | None) -> Order | None:
    if region in _EITHER_ORDER_REGIONS or (language == "EN" and region is None):
        return None
    if region in _MONTH_FIRST_REGIONS:
        return "mdy"
    if language in _YEAR_FIRST_LANGUAGES:
        return "ymd"
    return "dmy" if language in _COMMA | _POINT else None
