"""Functions that all tills of the corpus share: random baskets, sums, and rows of characters."""

import datetime
import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Sold:
    """A labeled line item; `discount` is positive."""

    name: str
    quantity: Decimal
    unit_price: Decimal
    total: Decimal
    unit: str | None = None
    discount: Decimal = Decimal(0)


@dataclass(frozen=True)
class Printed:
    """A receipt before it is drawn; `big` has the numbers of the lines in large type."""

    shop: str
    merchant: str
    date: datetime.date
    currency: str | None
    items: tuple[Sold, ...]
    total: Decimal
    lines: tuple[str, ...]
    big: frozenset[int] = field(default_factory=frozenset)

    def label(self) -> dict[str, object]:
        """Return the label in the form of bench.receipt_scores, amounts as strings."""
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
    """Round to the cent, halves up."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def random_price(rng: random.Random, low: int = 59, high: int = 1599) -> Decimal:
    """Return a price between two numbers of cents."""
    return Decimal(rng.randint(low, high)).scaleb(-2)


def random_date(rng: random.Random) -> datetime.date:
    """Return a date from 2023 to mid-2025."""
    return datetime.date(2023, 1, 1) + datetime.timedelta(days=rng.randrange(900))


def basket(
    rng: random.Random, names: tuple[str, ...], max_quantity: int = 1, low: int = 59
) -> tuple[Sold, ...]:
    """Return two to nine of `names`, some with a quantity up to `max_quantity`."""
    items = []
    for name in rng.sample(names, rng.randint(2, min(9, len(names)))):
        each = random_price(rng, low)
        count = (
            Decimal(rng.randint(2, max_quantity))
            if max_quantity > 1 and rng.random() < 0.35
            else Decimal(1)
        )
        items.append(Sold(name, count, each, each * count))
    return tuple(items)


def weighed(rng: random.Random, name: str, unit: str) -> Sold:
    """Return a weighed item, its total rounded to the cent."""
    weight = Decimal(rng.randint(150, 2400)) / 1000
    each = random_price(rng, 89, 899)
    return Sold(name, weight, each, money(weight * each), unit)


def total_of(items: tuple[Sold, ...]) -> Decimal:
    """Return the sum of the items less their discounts."""
    return sum((item.total - item.discount for item in items), Decimal("0.00"))


def row(left: str, right: str, width: int) -> str:
    """Return a line with `left` and `right` at its ends; `left` is cut off if necessary."""
    left = left[: width - len(right) - 1]
    return left + right.rjust(width - len(left))


def comma(value: Decimal) -> str:
    """Return the amount with a decimal comma: 1.234,56."""
    whole, cents = f"{value:,.2f}".split(".")
    return whole.replace(",", ".") + "," + cents


def ean(rng: random.Random) -> str:
    """Return twelve random digits."""
    return "".join(str(rng.randrange(10)) for _ in range(12))


def cash_payment(rng: random.Random, total: Decimal) -> tuple[Decimal, Decimal]:
    """Return a banknote that covers the total, and the change."""
    tendered = Decimal((int(total) // 10 + 1 + rng.randrange(2)) * 10)
    return tendered, tendered - total
