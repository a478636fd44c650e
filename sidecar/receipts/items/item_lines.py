"""A single line of the item region: its price, quantity, discount, and its part of a name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.items.price_lines import PriceLine, price_line_from
from sidecar.receipts.lines.amounts import Amount, Mark
from sidecar.receipts.lines.line_roles import LineRole, fold
from sidecar.receipts.lines.lines import ReceiptLine
from sidecar.receipts.lines.names import TAX_CODE, name_of, names_something, span_of
from sidecar.receipts.lines.quantities import (
    Quantity,
    bare_quantity,
    leading_weight,
    multiplication,
    proves,
    unit_of,
)
from sidecar.receipts.word_lists import pattern

REFUNDS = pattern("items", "refunds")
_SLACK = 0.1  # how much a full line may end before the right edge, of the name column's width
_MAX_CODE_LETTERS = 3  # of tax codes beside a quantity and its price


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A line of the item region: a price line has `total`; the others add to one that has."""

    source: ReceiptLine
    name: str
    total: Amount | None
    quantity: Quantity | None
    numbers: tuple[Decimal, ...]
    span: tuple[float, float, float]
    """Where its name starts, where its first word ends, and where the name ends."""
    price_line: PriceLine | None = None
    """Set where the line has a quantity and a price but no name."""
    discount_label: str | None = None
    """The letters of its label, where `total` is taken off an item."""

    @property
    def text(self) -> str:
        return self.source.text


def item_line_from(line: ReceiptLine, mark: Mark, *, discount_column: bool) -> ItemLine:
    """Parse one line; `discount_column`: the receipt has a column of discounts."""
    text = line.text
    if line.role is None and (price_line := price_line_from(text)) is not None:
        return _from_price_line(line, price_line)
    quantity = multiplication(text, mark)
    amounts = line.amounts
    total = next(
        (a for a in reversed(amounts) if (a.decimals == 2 or a.sign) and not a.measured), None
    )
    if discount_column and total is not None and total.value == 0 and len(amounts) > 1:
        total = _undiscounted(line, amounts[0]) or total
    if quantity is not None and total is not None and quantity.unit_price == total.value:
        tail = text[quantity.end :]
        if not re.search(r"\d[.,]\d{2}", tail):
            # The last amount is the unit price; a total in front of it would be the product.
            total = next((a for a in amounts[:-1] if proves(quantity, a.value)), None)
    if quantity is None and _shows_quantity(line):
        quantity = bare_quantity(text, mark)
    if quantity is None and total is not None and total.value > 0:
        quantity = leading_weight(text, total.value) or _weight_column(line, total)
    discount_label = None
    if total is not None and (
        (total.value < 0 and not REFUNDS.search(fold(line.label)))
        or (total.value > 0 and line.role is LineRole.DISCOUNT)
    ):
        discount_label = re.sub(r"[^A-Z]", "", fold(line.label))
    name = name_of(line, quantity)
    numbers = tuple(
        value
        for word in (w.text for w in line.words)
        if re.fullmatch(r"\d{1,3}", word) and (value := Decimal(word)) > 0
    ) + tuple(a.value for a in amounts[:-1] if a.value > 0)
    span = span_of(line, name)
    return ItemLine(line, name, total, quantity, numbers, span, discount_label=discount_label)


def _weight_column(line: ReceiptLine, total: Amount) -> Quantity | None:
    """Return the quantity from columns of a price, a weight with its unit, and their product."""
    weights = [amount for amount in line.amounts if amount.measured]
    for weight, price in ((w, p) for w in weights for p in line.amounts if p not in (w, total)):
        unit = next(word.text for word in line.words if word.left >= weight.word.right)
        quantity = Quantity(weight.value, unit_of(unit), price.value, 0, 0)
        if proves(quantity, total.value):
            return quantity
    return None


def _from_price_line(line: ReceiptLine, price_line: PriceLine) -> ItemLine:
    total = next((a for a in reversed(line.amounts) if abs(a.value) == price_line.total), None)
    quantity = price_line.quantity_for(total.value) if total else None
    return ItemLine(line, "", total, quantity, (), span_of(line, ""), price_line)


def _undiscounted(line: ReceiptLine, price: Amount) -> Amount | None:
    """Return quantity times price, for a line whose last column could not be read."""
    counts = [w.text for w in line.words if w.right <= price.word.left and w.text.isdigit()]
    if not counts or len(counts[-1]) > 3:
        return None
    return replace(price, value=price.value * int(counts[-1]), confidence=price.confidence / 2)


def _shows_quantity(line: ReceiptLine) -> bool:
    """Whether a bare "X2" or "3 PCS" is a quantity, not a size: it is first, or among amounts."""
    text = line.text.upper()
    if re.match(r"^\W*\d{1,3}\s?([X×]\s|PCS?\b|EA\b|STK\b)", text):
        return True
    tail = " ".join(
        w.text for w in line.words if line.amounts and w.left > line.amounts[0].word.left
    )
    return bool(re.search(r"\bX\s?\d|\d\s?X", tail.upper()))


def without_free_lines(lines: list[ItemLine]) -> list[ItemLine]:
    """Remove free extras: lines that start with a quantity like all items, but have no price."""
    starts = re.compile(r"^\d{1,3}\s+\S*[^\W\d]{2}")
    priced = [bool(line.total and starts.match(line.text)) for line in lines]
    if sum(priced) * 2 <= sum(1 for line in lines if line.total):
        return lines
    remaining: list[ItemLine] = []
    free = False
    for line in lines:
        first = bool(starts.match(line.text))
        free = line.total is None and (first or (free and line.quantity is None))
        if not free:
            remaining.append(line)
    return remaining


def is_a_note(line: ItemLine) -> bool:
    """Whether a line comments on the purchase ("Length of stay: 17 min") and names no article."""
    return line.quantity is None and bool(re.search(r"[^\W\d]{3}\s?:\s?\S", line.text))


def wrapped_name(lines: Sequence[ItemLine], right_edge: float) -> list[str]:
    """Return the parts of the name; a line that fits on the one above is a remark or a variant."""
    worded = set(_worded([line.name for line in lines]))
    parts: list[ItemLine] = []
    for line in lines:
        if line.name in worded and (
            not parts
            or not names_something(parts[-1].name)
            or continues(line, parts[-1], right_edge)
        ):
            parts.append(line)
    return [part.name for part in parts]


def wrapped_name_above(lines: Sequence[ItemLine], right_edge: float) -> list[str]:
    """Return the parts of the name on the price line and the full lines directly above it.

    It is for receipts that have most names on the line of their price.
    """
    named = [line for line in lines if _has_name(line)]
    if not named:
        return _worded([line.name for line in lines])
    coded = [line for line in named if starts_with_code(line)]
    if coded:  # the item starts there; later lines describe it
        named = named[: named.index(coded[-1]) + 1]
    parts = [named[-1]]
    for line in reversed(named[:-1]):
        if starts_with_code(parts[0]) or not continues(parts[0], line, right_edge):
            break
        parts.insert(0, line)
    return [part.name for part in parts]


def _has_name(line: ItemLine) -> bool:
    letters = sum(map(str.isalpha, line.name))
    return names_something(line.name) and (line.quantity is None or letters > _MAX_CODE_LETTERS)


def starts_with_code(line: ItemLine) -> bool:
    """Whether the line starts with an article code, or a quantity and a code: an item starts."""
    return bool(re.match(r"^\W*(?:\w{1,2}\s+|\(\d+\)\s?)?\d{4,}\s*\S", line.text))


def is_translation(line: ItemLine, above: ItemLine) -> bool:
    """Whether both lines start with one article code: the second repeats the name translated."""
    code = _leading_code(line)
    return code is not None and code == _leading_code(above)


def _leading_code(line: ItemLine) -> str | None:
    match = re.match(r"\W*(?:\d{1,2}\s+)?(\d{2,6})\s+\S*[^\W\d]{2}", line.text)
    return match[1] if match else None


def continues(line: ItemLine, above: ItemLine, right_edge: float) -> bool:
    """Whether the line's first word did not fit on the line above."""
    left, first, _ = line.span
    return above.span[2] + (first - left) > right_edge - _SLACK * (right_edge - above.span[0])


def _worded(names: Sequence[str]) -> list[str]:
    """Return the names that are more than a code or a number; if none is, all with letters."""
    worded = [
        name
        for name in names
        if 2 * sum(map(str.isalpha, name)) > sum(map(str.isdigit, name))
        and not all(TAX_CODE.match(word) or word.isdigit() for word in name.split())
    ]
    return worded or [name for name in names if re.search(r"[^\W\d_]{2}", name)]
