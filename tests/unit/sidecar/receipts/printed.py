"""Receipts given as text, and the amounts that they print."""

import itertools
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

from sidecar.receipts.models import Extraction
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.text_rows import rows_from_text

_BLANK_GROUPS = re.compile(r"\d{1,3}(?:\s\d{3})+(?:[.,]\d+)?")
_RUN = re.compile(r"\d[\d.,'’٫٬]*|[.,]\d+")


def read(text: str, **options: object) -> Extraction:
    """Parse a receipt given as text."""
    return parse(rows_from_text(text), ReceiptOptions.model_validate(options))


def printed_digits(text: str) -> set[str]:
    """Return the digits of each number of a text, without zeros at its ends."""
    found = [m.group() for pattern in (_RUN, _BLANK_GROUPS) for m in pattern.finditer(text)]
    return {_significant(number) for number in found}


def digits_of(amount: Decimal) -> str:
    """Return the digits of an amount, without zeros at its ends."""
    return _significant(format(amount, "f"))


def _significant(number: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in number if c.isdecimal()).strip("0")


def comes_to(amount: Decimal, printed: Iterable[Decimal], *, others: int = 3) -> bool:
    """Whether an amount is, to the cent, a sum of printed amounts: of any that are below zero, and
    of at most `others` others, each added or subtracted.
    """
    values = set(printed)
    reached = {Decimal(0)}
    for value in sorted(v for v in values if v < 0)[:12]:
        reached |= {total + value for total in reached}
    near = {round(total * 100) + gap for total in reached for gap in (-1, 0, 1)}
    steps = [step for value in values for step in (abs(value), -abs(value))]
    return any(
        round((amount - sum(chosen)) * 100) in near
        for count in range(others + 1)
        for chosen in itertools.combinations(steps, count)
    )
