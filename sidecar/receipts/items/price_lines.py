"""Lines with only a quantity and its price, without a name.

2.11 lb @ 1 lb /.59 · 4 qty @ 4 / 5.00 · 2 qty 1.79 EACH · 0,482 kg x 3,99 EUR/kg  1,92 · @ 1.99 ea  5.97

Tills print them in more ways than patterns can tell apart, so their numbers are tried against the
total that is on the line itself or on the line above or below it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sidecar.receipts.lines.amounts import cents
from sidecar.receipts.lines.line_roles import plain_of
from sidecar.receipts.lines.quantities import UNIT_WORDS, Quantity, unit_of

_TOKEN = re.compile(r"[$£€]?\s?(?P<number>\d*[.,]?\d+)|(?P<word>[A-Z]+\.?)|(?P<sign>[@*×/])")
_POUND = re.compile(r"(?<![\w.,])[1I]B\b|(?<=\d)[1I]B\b|(?<=\d )B(?= ?@)")  # "lb" as it is misread
_WORDS = re.compile(rf"{UNIT_WORDS}|QTY|X|AT|FOR|OR|PER|NET|EUR|RM|USD|GBP|CHF|N|À|A|CAD|AUD")
_OTHER_NUMBERS = re.compile(  # article codes, dates, and money that is taken off
    r"\d{5}|\d{1,2}([/.-])\d{1,2}\1\d{2}|[-−–]\s?[$£€]?\s?\d|\d\s?[-−–](?!\w)|\(.*\d.*\)"
)
_BEFORE_A_PRICE = {"@", "*", "×", "/", "X", "AT", "FOR", "PER"}
_CENTS = re.compile(r"[.,]\d{2}$")
_TOLERANCE = Decimal("0.011")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """The numbers of such a line, left to right, and the unit that it names."""

    numbers: tuple[Decimal, ...]
    unit: str | None
    total: Decimal | None
    """The price of the whole quantity at the end of the line, or None."""

    def quantity_for(self, total: Decimal) -> Quantity | None:
        """Return the quantity and unit price whose product is that total, or None."""
        for quantity, price in self._pairs():
            if quantity > 0 and abs(cents(quantity * price) - abs(total)) <= _TOLERANCE:
                return Quantity(quantity, self.unit, price, 0, 0)
        return None

    def _pairs(self) -> Iterator[tuple[Decimal, Decimal]]:
        numbers = self.numbers
        if len(numbers) == 1 and self.total and numbers[0]:
            yield (self.total / numbers[0]).to_integral_value(), numbers[0]
        for i, first in enumerate(numbers):
            for second in numbers[i + 1 :]:
                yield first, second
                yield second, first
        for few in (n for n in numbers[1:] if n == n.to_integral_value() and n):
            # "4 @ 2 / 5.00": four, at the price of two.
            yield numbers[0], (numbers[-1] / few).quantize(Decimal("0.0001"))


def price_line_from(text: str) -> PriceLine | None:
    """Return a line's quantity and price, or None when it is not such a line."""
    upper = _POUND.sub("LB", plain_of(text))
    if _OTHER_NUMBERS.search(upper):
        return None
    tokens = list(_TOKEN.finditer(upper))
    numbers = [(index, token) for index, token in enumerate(tokens) if token["number"]]
    if (
        len(numbers) > 2
        and _CENTS.search(numbers[-2][1]["number"])
        and len(numbers[-1][1]["number"]) <= 2
    ):
        numbers.pop()  # the number of a tax
    words = [token["word"].rstrip(".") for token in tokens if token["word"]]
    tax_code = words[-1:] if tokens and tokens[-1]["word"] else []
    unknown = [word for word in words if not _WORDS.fullmatch(word)]
    multiplies = len(words) > len(unknown) or any(token["sign"] for token in tokens)
    if not numbers or not multiplies or (unknown and (unknown != tax_code or len(tax_code[0]) > 2)):
        return None
    values = [_value(token["number"]) for _, token in numbers]
    unit = next((unit for word in words if (unit := unit_of(word)) not in (None, "each")), None)
    index, last = numbers[-1]
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    is_unit_price = before is not None and (before["sign"] or before["word"]) in _BEFORE_A_PRICE
    has_unit = after is not None and bool(
        after["sign"] == "/" or (after["word"] and unit_of(after["word"].rstrip(".")))
    )
    whole = _CENTS.search(last["number"]) is None
    if len(values) == 3 and before is not None and before["word"] == "X":
        # 15 BAG 24.90 X 373.50: columns, one of which has the sign
        is_unit_price = abs(cents(values[0] * values[1]) - values[2]) > _TOLERANCE
    if len(values) < 2 or is_unit_price or has_unit or whole:
        return PriceLine(tuple(values), unit, None) if len(values) > 1 else None
    return PriceLine(tuple(values[:-1]), unit, values[-1])


def _value(number: str) -> Decimal:
    return Decimal(number.replace(",", "."))
