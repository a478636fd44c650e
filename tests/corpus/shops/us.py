"""Shops of the United States: sales tax on top, month first."""

import random
from decimal import Decimal

from tests.corpus.goods import ENGLISH
from tests.corpus.till import (
    Printed,
    Sold,
    basket,
    ean,
    money,
    random_date,
    random_price,
    row,
    total_of,
    weighed,
)


def us_barcodes(rng: random.Random) -> Printed:
    """Name, bar code and price on a line, a letter for tax; sales tax added."""
    width, day = 40, random_date(rng)
    items = basket(rng, ENGLISH)
    lines = [
        "HARVEST BARN",
        "Save more. Every day.",
        "(555) 201-7788",
        "1420 MAPLE ST",
        "DAYTON OH 45402",
        "ST# 02133 OP# 0041 TE# 07 TR# 03321",
    ]
    lines += [
        row(f"{i.name[:20]:<20} {ean(rng)}", f"{i.total} {rng.choice('FNX')}", width) for i in items
    ]
    net = total_of(items)
    tax = money(net * Decimal("0.0725"))
    total = net + tax
    lines += [
        row("SUBTOTAL", f"{net}  ", width),
        row("TAX 1   7.250 %", f"{tax}  ", width),
        row("TOTAL", f"{total}  ", width),
        row("DEBIT TEND", f"{total}  ", width),
        row("CHANGE DUE", "0.00  ", width),
        "",
        f"# ITEMS SOLD {len(items)}",
        "TC# 2045 3310 9982 1178 0021",
        day.strftime("%m/%d/%y") + f"  {rng.randrange(10, 21)}:{rng.randrange(10, 59)}:12",
        "THANK YOU",
    ]
    return Printed(
        "us_barcodes", "HARVEST BARN", day, "USD", items, total, tuple(lines), frozenset({0})
    )


def us_savings(rng: random.Random) -> Printed:
    """Member savings below the item, weights above it, points that look like money."""
    width, day = 38, random_date(rng)
    items = [*basket(rng, ENGLISH, 3), weighed(rng, "GALA APPLES", "lb")]
    lines = [
        "GREEN VALLEY MARKET",
        "2210 Lakeview Ave",
        "Madison, WI 53703",
        "Your cashier was DANA",
        "",
    ]
    sold = []
    for item in items:
        if item.unit:
            lines += [
                f"{item.quantity} lb @ {item.unit_price} /lb",
                row(f"WT {item.name}", f"{item.total} F", width),
            ]
            item = Sold(f"WT {item.name}", item.quantity, item.unit_price, item.total, item.unit)
        elif item.quantity > 1:
            lines += [
                f"{item.quantity} @ {item.unit_price}",
                row(item.name, f"{item.total} F", width),
            ]
        else:
            lines.append(row(item.name, f"{item.total} F", width))
        if item.total > 3 and rng.random() < 0.3:
            off = random_price(rng, 20, 150)
            lines.append(row("  MEMBER SAVINGS", f"{off}-", width))
            item = Sold(item.name, item.quantity, item.unit_price, item.total, item.unit, off)
        sold.append(item)
    total = total_of(tuple(sold))
    lines += [
        row("TAX", "0.00", width),
        row("**** BALANCE", f"{total}", width),
        "",
        row("VISA", f"{total}", width),
        row("CHANGE", "0.00", width),
        f"TOTAL NUMBER OF ITEMS SOLD = {len(sold)}",
        day.strftime("%m/%d/%y") + " 05:41pm 113 12 88 201",
        "POINTS EARNED TODAY   112.00",
        "Thank you for shopping!",
    ]
    return Printed(
        "us_savings", "GREEN VALLEY MARKET", day, "USD", tuple(sold), total, tuple(lines)
    )


def us_diner(rng: random.Random) -> Printed:
    """A quantity before each dish, dollar signs, tax and tip."""
    width, day = 36, random_date(rng)
    dishes = (
        "Cheeseburger",
        "Caesar Salad",
        "Iced Tea",
        "Onion Rings",
        "Apple Pie",
        "Club Sandwich",
        "Lemonade",
    )
    items = basket(rng, dishes, 3, 350)
    lines = [
        "BLUE HERON DINER",
        "88 Harbor Road",
        "Portland, ME 04101",
        "(207) 555-0144",
        "",
        "Server: Kim      Table 12",
        day.strftime("%b %d, %Y") + " 7:22 PM",
        "",
    ]
    lines += [row(f"{i.quantity} {i.name}", f"${i.total}", width) for i in items]
    net = total_of(items)
    tax, tip = money(net * Decimal("0.055")), money(net * Decimal("0.18"))
    total = net + tax + tip
    lines += [
        "",
        row("Subtotal", f"${net}", width),
        row("Tax", f"${tax}", width),
        row("Tip", f"${tip}", width),
        row("Total", f"${total}", width),
        "",
        row("Mastercard x4410", f"${total}", width),
        "Thank you!",
    ]
    return Printed(
        "us_diner", "BLUE HERON DINER", day, "USD", items, total, tuple(lines), frozenset({0})
    )
