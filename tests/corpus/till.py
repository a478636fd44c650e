"""What every till of the corpus does: fill a basket, add it up, set it on a grid of characters."""

import datetime
import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Sold:
    """One line item as labelled; `discount` is positive."""

    name: str
    quantity: Decimal
    unit_price: Decimal
    total: Decimal
    unit: str | None = None
    discount: Decimal = Decimal(0)


@dataclass(frozen=True)
class Printed:
    """A receipt before it is drawn: `big` is the lines set in a larger type."""

    shop: str
    merchant: str
    date: datetime.date
    currency: str | None
    items: tuple[Sold, ...]
    total: Decimal
    lines: tuple[str, ...]
    big: frozenset[int] = field(default_factory=frozenset)

    def label(self) -> dict[str, object]:
        """The label in the form that scorers read, amounts as strings."""
        return {
            "shop": self.shop,
            "merchant": self.merchant,
            "date": self.date.isoformat(),
            "currency": self.currency,
            "total": str(self.total),
            "items": [
                {
                    "name": item.name,
                    "quantity": str(item.quantity),
                    "unit_price": str(item.unit_price),
                    "total_price": str(item.total),
                }
                for item in self.items
            ],
        }


def money(value: Decimal) -> Decimal:
    """Rounded to the cent, halves up."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def some_price(rng: random.Random, low: int = 59, high: int = 1599) -> Decimal:
    """A price between that many cents."""
    return Decimal(rng.randint(low, high)).scaleb(-2)


def some_day(rng: random.Random) -> datetime.date:
    """A day of 2023 to mid-2025."""
    return datetime.date(2023, 1, 1) + datetime.timedelta(days=rng.randrange(900))


def basket(
    rng: random.Random, names: tuple[str, ...], most_each: int = 1, low: int = 59
) -> tuple[Sold, ...]:
    """Two to nine of `names`, some of them several times when `most_each` is above 1."""
    items = []
    for name in rng.sample(names, rng.randint(2, min(9, len(names)))):
        each = some_price(rng, low)
        count = (
            Decimal(rng.randint(2, most_each))
            if most_each > 1 and rng.random() < 0.35
            else Decimal(1)
        )
        items.append(Sold(name, count, each, each * count))
    return tuple(items)


def weighed(rng: random.Random, name: str, unit: str) -> Sold:
    """A weighed item, its total rounded to the cent."""
    weight = Decimal(rng.randint(150, 2400)) / 1000
    each = some_price(rng, 89, 899)
    return Sold(name, weight, each, money(weight * each), unit)


def total_of(items: tuple[Sold, ...]) -> Decimal:
    """What the items cost, less their discounts."""
    return sum((item.total - item.discount for item in items), Decimal("0.00"))


def row(left: str, right: str, width: int) -> str:
    """`left` and `right` at the ends of a line; `left` gives way."""
    left = left[: width - len(right) - 1]
    return left + right.rjust(width - len(left))


def comma(value: Decimal) -> str:
    """The amount as the continent writes it: 1.234,56."""
    whole, cents = f"{value:,.2f}".split(".")
    return whole.replace(",", ".") + "," + cents


def ean(rng: random.Random) -> str:
    """Twelve random digits."""
    return "".join(str(rng.randrange(10)) for _ in range(12))


def in_cash(rng: random.Random, total: Decimal) -> tuple[Decimal, Decimal]:
    """A banknote that covers the total, and what is handed back."""
    tendered = Decimal((int(total) // 10 + 1 + rng.randrange(2)) * 10)
    return tendered, tendered - total
