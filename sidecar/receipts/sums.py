"""Sums of amounts that a reader claims: whether items, taxes and discounts come to a total."""

from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")
_ZERO = Decimal(0)


def cents(value: Decimal) -> Decimal:
    """Round to the cent, halves up."""
    return value.quantize(_CENT, rounding=ROUND_HALF_UP)


def adds_up(
    items: Decimal, total: Decimal, *, tax: Decimal, discount: Decimal, rounding: Decimal
) -> bool:
    """Whether items, with or without each of the other parts, add up to the total, to the cent."""
    return any(
        abs(items + t - d + r - total) <= _CENT
        for t in {_ZERO, tax}
        for d in {_ZERO, discount}
        for r in {_ZERO, rounding, -rounding}
    )
