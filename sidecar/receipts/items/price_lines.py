"""Lines that only say how much of an item at what price, and name nothing.

2.11 lb @ 1 lb /.59 · 4 qty @ 4 / 5.00 · 2 qty 1.79 EACH · 0,482 kg x 3,99 EUR/kg  1,92 · @ 1.99 ea  5.97

Tills write them in more ways than patterns can tell, so their numbers are tried against the total
that stands on the line, or on the line above or below it.
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
_NO_MEASURE = re.compile(
    r"\d{5}|\d{1,2}([/.-])\d{1,2}\1\d{2}|[-−–]\s?[$£€]?\s?\d|\d\s?[-−–](?!\w)|\(.*\d.*\)"
)
"""Article codes, and money that is taken off."""
_BEFORE_A_PRICE = {"@", "*", "×", "/", "X", "AT", "FOR", "PER"}
_CENTS = re.compile(r"[.,]\d{2}$")
_SLACK = Decimal("0.011")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """The numbers of such a line, left to right, and the unit that it names."""

    numbers: tuple[Decimal, ...]
    unit: str | None
    total: Decimal | None
    """The amount at its end that is the price of them all; None when the line does not have it."""

    def of(self, total: Decimal) -> Quantity | None:
        """Quantity and price of one, if they come to that total."""
        for quantity, price in self._ways():
            if quantity > 0 and abs(cents(quantity * price) - abs(total)) <= _SLACK:
                return Quantity(quantity, self.unit, price, 0, 0)
        return None

    def _ways(self) -> Iterator[tuple[Decimal, Decimal]]:
        numbers = self.numbers
        if len(numbers) == 1 and self.total and numbers[0]:
            yield (self.total / numbers[0]).to_integral_value(), numbers[0]
        for i, first in enumerate(numbers):
            for second in numbers[i + 1 :]:
                yield first, second
                yield second, first
        for few in (
            number for number in numbers[1:] if number == number.to_integral_value() and number
        ):
            # So many at so much for a few of them.
            yield numbers[0], (numbers[-1] / few).quantize(Decimal("0.0001"))


def price_line_from(text: str) -> PriceLine | None:
    """What such a line says, or None when the line is no such line."""
    upper = _POUND.sub("LB", plain_of(text))
    if _NO_MEASURE.search(upper):
        return None
    tokens = list(_TOKEN.finditer(upper))
    numbers = [(place, token) for place, token in enumerate(tokens) if token["number"]]
    if (
        len(numbers) > 2
        and _CENTS.search(numbers[-2][1]["number"])
        and len(numbers[-1][1]["number"]) <= 2
    ):
        numbers.pop()  # the number of a tax
    words = [token["word"].rstrip(".") for token in tokens if token["word"]]
    code = words[-1:] if tokens and tokens[-1]["word"] else []  # of a tax, behind the price
    named = [word for word in words if not _WORDS.fullmatch(word)]
    measures = len(words) > len(named) or any(token["sign"] for token in tokens)
    if not numbers or not measures or (named and (named != code or len(code[0]) > 2)):
        return None
    values = [_value(token["number"]) for _, token in numbers]
    unit = next((unit for word in words if (unit := unit_of(word)) not in (None, "each")), None)
    place, last = numbers[-1]
    before = tokens[place - 1] if place else None
    behind = tokens[place + 1] if place + 1 < len(tokens) else None
    priced = before is not None and (before["sign"] or before["word"]) in _BEFORE_A_PRICE
    tied = behind is not None and bool(
        behind["sign"] == "/" or (behind["word"] and unit_of(behind["word"].rstrip(".")))
    )
    bare = _CENTS.search(last["number"]) is None
    if len(values) == 3 and before is not None and before["word"] == "X":
        # 15 BAG 24.90 X 373.50: columns, of which one has the sign
        priced = abs(cents(values[0] * values[1]) - values[2]) > _SLACK
    if len(values) < 2 or priced or tied or bare:
        return PriceLine(tuple(values), unit, None) if len(values) > 1 else None
    return PriceLine(tuple(values[:-1]), unit, values[-1])


def _value(number: str) -> Decimal:
    return Decimal(number.replace(",", "."))
