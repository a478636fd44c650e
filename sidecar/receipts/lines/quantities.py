"""Quantity, unit and unit price: read from a line, and verified by its total.

2 @ 1.99 · 0.482 kg x 3.99/kg · 3 x £1.20 · 12.50*2 · 4BTL* 15.95 63.80 · columns of quantity, price
and amount.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sidecar.receipts.lines.amounts import Mark, cents
from sidecar.receipts.word_lists import load

_UNITS: dict[str, str] = {
    printed: unit for unit, forms in load("units").items() for printed in forms.split()
}
UNIT_WORDS = "|".join(sorted((form.replace(".", r"\.") for form in _UNITS), key=len, reverse=True))
"""A regular expression of every printed form, upper case, longest first."""

_NUMBER = r"\d{1,6}(?:[.,]\d{1,4})?"
_SIGN = r"(?:RM|[$£€]|EUR|USD|GBP)?\s?"
_TIMES = re.compile(
    rf"(?<![\w.,])(?P<a>{_SIGN}{_NUMBER})\s*(?P<unit>{UNIT_WORDS})?\.?\s*(?:NET\s*)?(?P<op>[X×@*]|\bAT\b|\bÀ\b)\s*"
    rf"(?:1\s?(?:KG|LB)\s?/\s?)?"
    rf"(?P<b>{_SIGN}{_NUMBER})(?![\d%A-FH-Z'\"])(?:\s*(?:EUR|€)?\s*(?:/|PER\b)\s*(?P<per>{UNIT_WORDS})\b)?"
)
_WEIGHED = re.compile(  # 0,812 kg  1,99 €/kg: a slash in place of the multiplication sign
    rf"(?<![\w.,])(?P<a>\d{{1,3}}[.,]\d{{2,3}})\s?(?P<unit>KG|LB|G)\s+(?P<b>{_SIGN}{_NUMBER})\s?(?:EUR|€)?\s?/\s?(?P<per>KG|LB|G)\b"
)
_MULTI_BUY = re.compile(  # 4 @ 2 FOR $1.00, @2/4.00, 2 @ 1/0.21, @ 3 FOR 2.00
    rf"(?<![\w.,])(?:(?P<a>\d{{1,3}})\s?(?:EA\.?\s?)?)?@\s?(?P<of>\d{{1,2}})\s?(?:FOR|/)\s?(?P<b>{_SIGN}\d{{1,4}}[.,]\d{{2}})(?!\d)"
)
_BARE = re.compile(
    rf"(?<![\w.,])(?:X\s?(?P<after>\d{{1,3}})|(?P<before>\d{{1,3}})\s?[X×])(?![\w.,/-])"
    rf"|(?<![\w.,])(?P<count>\d{{1,3}}|\d{{1,3}}[.,]\d{{2,3}})\s?(?P<unit>{UNIT_WORDS})(?![\w./])"
)
_COLUMNS = re.compile(  # 15*BAG* 24.90 X 373.50: columns with the signs of a multiplication
    rf"^\W*(?P<count>\d{{1,3}})\s?\*?\s?(?P<unit>[A-Z]{{2,6}})\*?\s+(?P<price>{_SIGN}\d{{1,5}}[.,]\d{{2}})\s+(?:[X*]\s+)?(?P<total>{_SIGN}\d{{1,6}}[.,]\d{{2}})(?!\d)"
)
_LEADING = re.compile(r"^\W*(\d{1,2}[.,]\d{2,3})\s?(KG|LB)\s+(?=[^\W\d_]{2})")
_TOLERANCE = Decimal("0.011")
_MAX_QUANTITY = Decimal(10_000)
_SHARE = Decimal("0.0001")  # precision of the unit price in "2 FOR 1.00"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Quantity, unit and unit price; text[start:end] is the text they come from."""

    quantity: Decimal
    unit: str | None
    unit_price: Decimal | None
    start: int
    end: int


def multiplication(text: str, mark: Mark) -> Quantity | None:
    """Return the multiplication in a text ("2 @ 1.99"); the price is the side with decimals."""
    if match := _MULTI_BUY.search(text.upper()):
        return _multi_buy(match, mark)
    if counted := _from_columns(text, mark):
        return counted
    match = _TIMES.search(text.upper()) or _WEIGHED.search(text.upper())
    if match is None:
        return None
    a, b = _decimal(match["a"], mark), _decimal(match["b"], mark)
    if a is None or b is None:
        return None
    unit = unit_of(match["unit"]) or unit_of(match["per"])
    price_first = _decimals(a) >= 2 and _decimals(b) == 0 and match["unit"] is None
    quantity, price = (b, a) if price_first else (a, b)
    if _decimals(price) < 2 and not re.search(r"[^\d\s.,]", match["b"]) and match["per"] is None:
        return None  # 36G*15, 2X150: the size of a pack
    if not 0 < quantity <= _MAX_QUANTITY:
        return None
    return Quantity(quantity, unit, price, match.start(), match.end())


def _from_columns(text: str, mark: Mark) -> Quantity | None:
    """Return count, unit and price where the amount after them is their product."""
    match = _COLUMNS.match(text.upper())
    if match is None:
        return None
    price, total = _decimal(match["price"], mark), _decimal(match["total"], mark)
    if price is None or total is None or not total:
        return None
    quantity = Quantity(
        Decimal(match["count"]), unit_of(match["unit"]), price, match.start(), match.start("total")
    )
    return quantity if proves(quantity, total) else None


def _multi_buy(match: re.Match[str], mark: Mark) -> Quantity | None:
    """Return the count at its share of the price of a few; without a count, the few."""
    few, price = Decimal(match["of"]), _decimal(match["b"], mark)
    count = Decimal(match["a"] or match["of"])
    if price is None or not few or not count:
        return None
    return Quantity(count, None, (price / few).quantize(_SHARE), match.start(), match.end())


def leading_weight(text: str, total: Decimal) -> Quantity | None:
    """Return the weight at the start of a line ("0.512KG CHICKEN"), its price from the total."""
    match = _LEADING.match(text.upper())
    weight = Decimal(match[1].replace(",", ".")) if match else None
    if match is None or not weight:
        return None
    return Quantity(weight, unit_of(match[2]), cents(total / weight), 0, match.end())


def bare_quantity(text: str, mark: Mark) -> Quantity | None:
    """Return a quantity without a price ("X2", "3 PCS")."""
    match = _BARE.search(text.upper())
    if match is None:
        return None
    value = _decimal(match["after"] or match["before"] or match["count"], mark)
    if value is None or not 0 < value <= _MAX_QUANTITY:
        return None
    return Quantity(value, unit_of(match["unit"]), None, match.start(), match.end())


def factors(numbers: Sequence[Decimal], total: Decimal) -> tuple[Decimal, Decimal] | None:
    """Return the first (quantity, price) among numbers whose product is the total, or None."""
    for i, a in enumerate(numbers):
        for b in numbers[i + 1 :]:
            for quantity, price in ((a, b), (b, a)):
                if quantity > 0 and _multiplies(quantity, price, total) and _countable(quantity):
                    return quantity, price
    return None


def proves(quantity: Quantity, total: Decimal) -> bool:
    """Whether quantity times unit price is the line's total, to the cent."""
    return quantity.unit_price is not None and _multiplies(
        quantity.quantity, quantity.unit_price, total
    )


def _multiplies(quantity: Decimal, price: Decimal, total: Decimal) -> bool:
    return total != 0 and abs(cents(quantity * price) - abs(total)) <= _TOLERANCE


def _countable(value: Decimal) -> bool:
    """Whether it is a number of pieces, or a weight to the gram as scales print it."""
    return (value == value.to_integral_value() and value < 1000) or (
        _decimals(value) == 3 and value < 100
    )


def _decimal(text: str, mark: Mark) -> Decimal | None:
    digits = re.sub(r"[^\d.,]", "", text)
    other = "," if mark == "." else "."
    if mark not in digits and digits.count(other) == 1:
        digits = digits.replace(other, ".")  # weights may use the other mark
    else:
        digits = digits.replace(other, "").replace(mark, ".")
    return Decimal(digits) if re.fullmatch(r"\d+(\.\d+)?", digits) else None


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def unit_of(printed: str | None) -> str | None:
    """Return a unit's standard spelling ("KGS" is kg), or None."""
    return _UNITS.get(printed.upper().strip()) if printed else None
