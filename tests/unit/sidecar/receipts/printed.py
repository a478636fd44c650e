"""Receipts given as text, and the amounts that they print."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

from sidecar.receipts.models import Extraction
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.text_rows import rows_from_text

_BLANK_GROUPS = re.compile(r"\d{1,3}(?:\s\d{3})+(?:[.,]\d+)?")
_RUN = re.compile(r"\d[\d.,'’]*|[.,]\d+")


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


def comes_to(amount: Decimal, parts: Iterable[Decimal], *, most: int = 10) -> bool:
    """Whether an amount is, to the cent, a sum of at most `most` parts, each added or subtracted."""
    reached = {Decimal(0)}
    for count, part in enumerate(sorted(set(parts), key=lambda p: abs(abs(amount) - p))):
        if count >= most or any(abs(value - amount) <= Decimal("0.011") for value in reached):
            break
        reached |= {value + sign * part for value in reached for sign in (1, -1)}
    return any(abs(value - amount) <= Decimal("0.011") for value in reached)
