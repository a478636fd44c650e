"""A line item as printed: the parts of its name, its price, and a verified quantity."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.items.item_lines import ItemLine, wrapped_name, wrapped_name_above
from sidecar.receipts.lines.amounts import Amount, cents
from sidecar.receipts.lines.names import names_something
from sidecar.receipts.lines.quantities import Quantity, factors, proves

_MEASURES = {"kg", "g", "lb", "oz", "l", "ml", "gal", "m"}  # "500 G" in a name is its size


@dataclass(frozen=True, slots=True)
class Discount:
    """Money taken off an item: the letters of its label, and a positive amount."""

    label: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class DraftItem:
    """A line item as printed, before reconciliation."""

    raw: tuple[str, ...]
    name: str
    total: Amount
    quantity: Decimal = Decimal(1)
    unit: str | None = None
    unit_price: Decimal | None = None
    proved: bool = False
    """Quantity times unit price is the total."""
    discounts: tuple[Discount, ...] = ()
    name_confidence: float = 1.0

    @property
    def discount(self) -> Decimal:
        """The sum of the discounts; positive, or zero."""
        return sum((discount.value for discount in self.discounts), Decimal("0.00"))

    @property
    def net(self) -> Decimal:
        return self.total.value - self.discount


def draft_from(
    line: ItemLine, pending: Sequence[ItemLine], right_edge: float, *, inline: bool
) -> DraftItem:
    """Return the item of a price line and the pending lines above it.

    `right_edge` is where full names end; `inline`: most names are on the line of their price.
    """
    assert line.total is not None
    total = line.total.value
    lines = [*pending, line]
    name = " ".join((wrapped_name_above if inline else wrapped_name)(lines, right_edge))
    draft = DraftItem(
        raw=tuple(part.text for part in lines),
        name=" ".join(name.split()),
        total=replace(line.total, value=cents(total)),
        name_confidence=min(part.source.row.confidence for part in lines),
    )
    quantities = [
        quantity
        for part in (line, *pending)
        if (quantity := part.price_line.quantity_for(total) if part.price_line else part.quantity)
        is not None
    ]
    proved = next((quantity for quantity in quantities if proves(quantity, total)), None)
    if proved is not None:
        return with_quantity(draft, proved)
    numbers = [number for part in lines for number in part.numbers]
    if pair := factors(numbers, abs(total)):
        name = re.sub(rf"\s+{pair[0]}$", "", draft.name)  # a column, not a part of the name
        return replace(draft, name=name, quantity=pair[0], unit_price=pair[1], proved=True)
    bare = next((quantity for quantity in quantities if quantity.unit_price is None), None)
    if (
        bare is not None
        and bare.quantity == bare.quantity.to_integral_value()
        and bare.unit not in _MEASURES
    ):
        return split_evenly(draft, bare.quantity, bare.unit)
    return draft


def with_discount(draft: DraftItem, line: ItemLine) -> DraftItem:
    """Add the discount on a line below the draft."""
    assert line.total is not None
    assert line.discount_label is not None
    discount = Discount(line.discount_label, abs(line.total.value))
    return replace(draft, discounts=(*draft.discounts, discount))


def is_multiplication_of(draft: DraftItem, above: DraftItem) -> bool:
    """Whether a draft without a name multiplies the unit price printed above it."""
    return (
        draft.proved
        and draft.quantity > 1
        and not above.proved
        and draft.unit_price == above.total.value
        and not names_something(draft.name)
    )


def split_evenly(draft: DraftItem, quantity: Decimal, unit: str | None) -> DraftItem:
    """Set the quantity, if the total divides evenly by it."""
    each = cents(draft.total.value / quantity)
    if abs(each * quantity - draft.total.value) > Decimal("0.011") * quantity:
        return draft
    return replace(draft, quantity=quantity, unit=unit, unit_price=each)


def with_line_below(draft: DraftItem, line: ItemLine) -> DraftItem:
    """Add a line that was printed below the draft's price."""
    quantity = line.quantity
    name = draft.name if quantity and quantity.unit_price else f"{draft.name} {line.name}"
    draft = replace(draft, raw=(*draft.raw, line.text), name=" ".join(name.split()))
    if quantity is not None and proves(quantity, draft.total.value) and not draft.proved:
        return with_quantity(draft, quantity)
    return draft


def with_quantity(draft: DraftItem, quantity: Quantity) -> DraftItem:
    """Set a quantity and unit price whose product is the draft's total."""
    return replace(
        draft,
        quantity=quantity.quantity,
        unit=quantity.unit,
        unit_price=quantity.unit_price,
        proved=True,
    )
