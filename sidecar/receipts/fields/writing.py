"""How a language writes numbers and dates, by the CLDR."""

import re
from dataclasses import dataclass
from typing import Literal

from babel.localedata import exists

from sidecar.receipts.fields.cldr import Order, date_order_of, decimal_mark_of
from sidecar.receipts.word_lists import load

Mark = Literal[".", ","]


@dataclass(frozen=True, slots=True)
class Writing:
    """The decimal mark and the order of dates of a language; None where it has no usual one."""

    mark: Mark | None = None
    date_order: Order | None = None


def writing_of(tag: str | None) -> Writing:
    """Return how a language is written by its BCP 47 tag; "en" alone has no order of dates."""
    language, *rest = re.split("[-_]", (tag or "").lower())
    region = next((part.upper() for part in rest if len(part) == 2), None)
    script = next((part.title() for part in rest if len(part) == 4), None)
    if not language or not exists(language):
        return Writing()
    locale = "_".join(filter(None, (language, script, region)))
    mark: Mark = "," if decimal_mark_of(locale) == "," else "."
    either = region in load("calendar")["either_order"].split() or locale == "en"
    return Writing(mark, None if either else date_order_of(locale))
