"""A line item as its lines on the page tell it: pieces of a name, a price, a proved quantity."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.items.item_lines import ItemLine, unwrapped, wrapped_above
from sidecar.receipts.lines.amounts import Amount, cents
from sidecar.receipts.lines.names import names_something
from sidecar.receipts.lines.quantities import Quantity, factors, proves


@dataclass(frozen=True, slots=True)
class Discount:
    """Something taken off an item: what it is called, in letters alone, and how much."""

    label: str
    value: Decimal
    """Positive."""


@dataclass(frozen=True, slots=True)
class DraftItem:
    """A line item as it stands on the page, before the arithmetic has had its say."""

    raw: tuple[str, ...]
    name: str
    total: Amount
    quantity: Decimal = Decimal(1)
    unit: str | None = None
    unit_price: Decimal | None = None
    proved: bool = False
    """Quantity times unit price is the total."""
    reductions: tuple[Discount, ...] = ()
    name_confidence: float = 1.0

    @property
    def discount(self) -> Decimal:
        """All that is taken off; positive, or zero."""
        return sum((reduction.value for reduction in self.reductions), Decimal("0.00"))

    @property
    def net(self) -> Decimal:
        return self.total.value - self.discount


def draft_of(
    part: ItemLine, pending: Sequence[ItemLine], edge: float, *, inline: bool
) -> DraftItem:
    """The item of a price line and the lines waiting above it; `edge`: where full names end;
    `inline`: most names stand on the line of their price.
    """
    assert part.total is not None
    total = part.total.value
    lines = [*pending, part]
    name = " ".join((wrapped_above if inline else unwrapped)(lines, edge))
    draft = DraftItem(
        raw=tuple(p.line.row.text for p in lines),
        name=" ".join(name.split()),
        total=replace(part.total, value=cents(total)),
        name_confidence=min(p.line.row.confidence for p in lines),
    )
    products = [
        product
        for p in (part, *pending)
        if (product := p.measure.of(total) if p.measure else p.product) is not None
    ]
    proved = next((product for product in products if proves(product, total)), None)
    if proved is not None:
        return proved_by(draft, proved)
    numbers = [number for p in (*pending, part) for number in p.numbers]
    if pair := factors(numbers, abs(total)):
        name = re.sub(rf"\s+{pair[0]}$", "", draft.name)  # a column, not a part of the name
        return replace(draft, name=name, quantity=pair[0], unit_price=pair[1], proved=True)
    bare = next((p for p in products if p.unit_price is None), None)
    if (
        bare is not None
        and bare.quantity == bare.quantity.to_integral_value()
        and bare.unit not in _MEASURES
    ):
        return shared(draft, bare.quantity, bare.unit)
    return draft


def reduced(draft: DraftItem, part: ItemLine) -> DraftItem:
    """The draft with what a line below it takes off."""
    assert part.total is not None
    assert part.reduction is not None
    reduction = Discount(part.reduction, abs(part.total.value))
    return replace(draft, reductions=(*draft.reductions, reduction))


def multiplies(draft: DraftItem, above: DraftItem) -> bool:
    """Whether a nameless draft is the multiplication of the price that was printed above it."""
    return (
        draft.proved
        and draft.quantity > 1
        and not above.proved
        and draft.unit_price == above.total.value
        and not names_something(draft.name)
    )


_MEASURES = {"kg", "g", "lb", "oz", "l", "ml", "gal", "m"}  # "500 G" in a name is its size


def shared(draft: DraftItem, quantity: Decimal, unit: str | None) -> DraftItem:
    """The draft with that quantity, when its total can be shared evenly by it."""
    each = cents(draft.total.value / quantity)
    if abs(each * quantity - draft.total.value) > Decimal("0.011") * quantity:
        return draft
    return replace(draft, quantity=quantity, unit=unit, unit_price=each)


def extended(draft: DraftItem, part: ItemLine) -> DraftItem:
    """A draft with a line that was printed below its price."""
    name = draft.name if part.product and part.product.unit_price else f"{draft.name} {part.name}"
    draft = replace(draft, raw=(*draft.raw, part.line.row.text), name=" ".join(name.split()))
    product = part.product
    if product is not None and proves(product, draft.total.value) and not draft.proved:
        return proved_by(draft, product)
    return draft


def proved_by(draft: DraftItem, product: Quantity) -> DraftItem:
    """The draft with the quantity and price that its total proves."""
    return replace(
        draft,
        quantity=product.quantity,
        unit=product.unit,
        unit_price=product.unit_price,
        proved=True,
    )
