"""A line of the item region by itself: its price, quantity, discount, and its piece of a name."""

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

GIVEN_BACK = re.compile(
    r"PFAND|LEERGUT|DEPOSIT|RETURN|REFUND|VOID|STORNO|CONSIGNE|STATIEGELD|EMBALLAGE|\bPANT\b|RETOUR|CORRECTION|CANCEL|ANNUL"
)
"""What has a negative amount and is no discount: money for what was given back."""
_SLACK = 0.1  # of the name column's width: how much a line may fall short of it and be full


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A line of the item region: a price line has `total`, the others add to one that has."""

    line: ReceiptLine
    name: str
    total: Amount | None
    product: Quantity | None
    numbers: tuple[Decimal, ...]
    span: tuple[float, float, float]
    """Where its name begins, where its first word ends, and where the name ends."""
    measure: PriceLine | None = None
    """Where the line names nothing, and says how much of something at what price."""
    reduction: str | None = None
    """The letters of its label, where `total` is taken off an item."""


def item_line_from(line: ReceiptLine, mark: Mark, *, discounted: bool) -> ItemLine:
    """What one line says; `discounted`: the receipt has a column of discounts."""
    text = line.row.text
    if line.role is None and (measure := price_line_from(text)) is not None:
        return _measured(line, measure)
    product = multiplication(text, mark)
    figures = line.figures
    total = next(
        (f for f in reversed(figures) if (f.places == 2 or f.sign) and not f.measured), None
    )
    if discounted and total is not None and total.value == 0 and len(figures) > 1:
        total = _undiscounted(line, figures[0]) or total
    if product is not None and total is not None and product.unit_price == total.value:
        tail = text[product.end :]
        if not re.search(r"\d[.,]\d{2}", tail):
            # The last amount is the price of one; a total in front of it would be its product.
            total = next((f for f in figures[:-1] if proves(product, f.value)), None)
    if product is None and _tells_quantity(line):
        product = bare_quantity(text, mark)
    if product is None and total is not None and total.value > 0:
        product = leading_weight(text, total.value) or _weighed(line, total)
    reduction = None
    if total is not None and (
        (total.value < 0 and not GIVEN_BACK.search(fold(line.label)))
        or (total.value > 0 and line.role is LineRole.DISCOUNT)
    ):
        reduction = re.sub(r"[^A-Z]", "", fold(line.label))
    name = name_of(line, product)
    numbers = tuple(
        value
        for word in (w.text for w in line.words)
        if re.fullmatch(r"\d{1,3}", word) and (value := Decimal(word)) > 0
    ) + tuple(f.value for f in figures[:-1] if f.value > 0)
    return ItemLine(line, name, total, product, numbers, span_of(line, name), reduction=reduction)


def _weighed(line: ReceiptLine, total: Amount) -> Quantity | None:
    """Columns of a price, a weight with its unit, and their product."""
    weights = [figure for figure in line.figures if figure.measured]
    for weight, price in ((w, p) for w in weights for p in line.figures if p not in (w, total)):
        unit = next(word.text for word in line.words if word.left >= weight.right)
        quantity = Quantity(weight.value, unit_of(unit), price.value, 0, 0)
        if proves(quantity, total.value):
            return quantity
    return None


def _measured(line: ReceiptLine, measure: PriceLine) -> ItemLine:
    total = next((f for f in reversed(line.figures) if abs(f.value) == measure.total), None)
    product = measure.of(total.value) if total else None
    return ItemLine(line, "", total, product, (), span_of(line, ""), measure)


def _undiscounted(line: ReceiptLine, price: Amount) -> Amount | None:
    """The amount of a line whose last column was not read: quantity times price, nothing off."""
    counts = [w.text for w in line.words if w.right <= price.left and w.text.isdigit()]
    if not counts or len(counts[-1]) > 3:
        return None
    return replace(price, value=price.value * int(counts[-1]), confidence=price.confidence / 2)


def _tells_quantity(line: ReceiptLine) -> bool:
    """Whether a bare "X2" or "3 PCS" is how many were bought, not what a pack holds: it opens the
    line, or stands among amounts.
    """
    text = line.row.text.upper()
    if re.match(r"^\W*\d{1,3}\s?([X×]\s|PCS?\b|EA\b|STK\b)", text):
        return True
    tail = " ".join(w.text for w in line.words if line.figures and w.left > line.figures[0].left)
    return bool(re.search(r"\bX\s?\d|\d\s?X", tail.upper()))


def without_free_lines(parts: list[ItemLine]) -> list[ItemLine]:
    """Where each item opens with its quantity, what opens so but has no price is a free extra."""
    opens = re.compile(r"^\d{1,3}\s+\S*[^\W\d]{2}")
    priced = [bool(p.total and opens.match(p.line.row.text)) for p in parts]
    if sum(priced) * 2 <= sum(1 for p in parts if p.total):
        return parts
    kept: list[ItemLine] = []
    free = False
    for part in parts:
        starts = bool(opens.match(part.line.row.text))
        free = part.total is None and (starts or (free and part.product is None))
        if not free:
            kept.append(part)
    return kept


def is_a_note(part: ItemLine) -> bool:
    """A line that says something of the purchase ("Length of stay: 17 min"), and names nothing."""
    return part.product is None and bool(re.search(r"[^\W\d]{3}\s?:\s?\S", part.line.row.text))


def unwrapped(lines: Sequence[ItemLine], edge: float) -> list[str]:
    """The pieces of the name that stands on these lines: what follows a line that had room left for
    its first word is no wrapped end of the name, but a remark, a variant or another language.
    """
    worded = set(_worded([line.name for line in lines]))
    pieces: list[ItemLine] = []
    for line in lines:
        if line.name in worded and (
            not pieces or not names_something(pieces[-1].name) or continues(line, pieces[-1], edge)
        ):
            pieces.append(line)
    return [piece.name for piece in pieces]


def wrapped_above(lines: Sequence[ItemLine], edge: float) -> list[str]:
    """The pieces of the name where most stand on the line of their price: it begins further up only
    on lines that had no room for its next word; what else is above it is a heading or a remark.
    """
    named = [line for line in lines if _names(line)]
    if not named:
        return _worded([line.name for line in lines])
    coded = [line for line in named if opens_with_code(line)]
    if coded:  # there the item begins; what follows describes it
        named = named[: named.index(coded[-1]) + 1]
    pieces = [named[-1]]
    for line in reversed(named[:-1]):
        if opens_with_code(pieces[0]) or not continues(pieces[0], line, edge):
            break
        pieces.insert(0, line)
    return [piece.name for piece in pieces]


def _names(line: ItemLine) -> bool:
    letters = sum(map(str.isalpha, line.name))
    return names_something(line.name) and (line.product is None or letters > _MARKS)


_MARKS = 3  # letters that stand for a tax, beside a quantity and its price


def opens_with_code(part: ItemLine) -> bool:
    """Whether the line begins with an article's code, or a quantity and a code: an item begins."""
    return bool(re.match(r"^\W*(?:\w{1,2}\s+|\(\d+\)\s?)?\d{4,}\s*\S", part.line.row.text))


def renames(line: ItemLine, above: ItemLine) -> bool:
    """Whether both lines open with one article code: the second has the name in another language."""
    code = _opening_code(line)
    return code is not None and code == _opening_code(above)


def _opening_code(part: ItemLine) -> str | None:
    match = re.match(r"\W*(?:\d{1,2}\s+)?(\d{2,6})\s+\S*[^\W\d]{2}", part.line.row.text)
    return match[1] if match else None


def continues(line: ItemLine, above: ItemLine, edge: float) -> bool:
    """Whether the line's first word had no room on the line above."""
    left, first, _ = line.span
    return above.span[2] + (first - left) > edge - _SLACK * (edge - above.span[0])


def _worded(names: Sequence[str]) -> list[str]:
    """The names without what is only a code, a number or a mark, unless there is nothing else."""
    worded = [
        name
        for name in names
        if 2 * sum(map(str.isalpha, name)) > sum(map(str.isdigit, name))
        and not all(TAX_CODE.match(word) or word.isdigit() for word in name.split())
    ]
    return worded or [name for name in names if re.search(r"[^\W\d_]{2}", name)]
