"""What a language tag (BCP 47) says of how numbers and dates are written there.

A country in the tag ("en-US") comes before the language's own custom. What is written in more than
one way there, as dates are in Canada, stays unsettled.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sidecar.receipts.fields.dates import Order


def _codes(printed: str) -> frozenset[str]:
    return frozenset(printed.split())


_COMMA = _codes(
    "BG CS DA DE EL ES ET FI FR HR HU ID IT LT LV NB NL NN NO PL PT RO RU SK SL SR SV TR UK VI"
)
_POINT = _codes("EN GA HE HI JA KO MS MT TA TH ZH")
_POINT_REGIONS = _codes("CH LI MX US PR DO GT HN NI PA SV PE")  # of languages with a comma
_COMMA_REGIONS = _codes("ZA")  # of languages with a point
_YEAR_FIRST = _codes("HU JA KO LT SV ZH")
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
    if language in _YEAR_FIRST:
        return "ymd"
    return "dmy" if language in _COMMA | _POINT else None
