"""Shops of Britain and Ireland: VAT included, day first, pounds or euros before the amount."""

import random
from decimal import Decimal

from tests.corpus.goods import ENGLISH
from tests.corpus.till import (
    Printed,
    Sold,
    basket,
    cash_payment,
    money,
    random_date,
    row,
    total_of,
    weighed,
)


def uk_supermarket(rng: random.Random) -> Printed:
    """Pound signs, multiples on a line of their own below, a multibuy."""
    width, day = 36, random_date(rng)
    items = []
    lines = ["OAKWELL STORES", "High Street, Leeds LS1 4DY", "VAT NO: GB 123 4567 89", ""]
    for item in basket(rng, ENGLISH, 4):
        lines.append(row(item.name, f"£{item.total}", width))
        if item.quantity > 1:
            lines.append(f"  {item.quantity} x £{item.unit_price}")
            if rng.random() < 0.5:
                off = money(item.unit_price / 2)
                lines.append(row("  Multibuy saving", f"-£{off}", width))
                item = Sold(item.name, item.quantity, item.unit_price, item.total, None, off)
        items.append(item)
    total = total_of(tuple(items))
    lines += [
        "",
        row("TOTAL", f"£{total}", width),
        row("VISA DEBIT", f"£{total}", width),
        row("CHANGE DUE", "£0.00", width),
        "",
        "CLUB POINTS THIS VISIT 14",
        day.strftime("%d/%m/%Y") + " 18:02  4410 021 3305",
        "Thank you for shopping with us",
    ]
    return Printed(
        "uk_supermarket",
        "OAKWELL STORES",
        day,
        "GBP",
        tuple(items),
        total,
        tuple(lines),
        frozenset({0}),
    )


def uk_grocer(rng: random.Random) -> Printed:
    """Weighed goods with kg below, a staff discount on the sum, cash and change."""
    width, day = 34, random_date(rng)
    items = (*basket(rng, ENGLISH), weighed(rng, "BRAEBURN APPLES", "kg"))
    lines = ["THE CORNER LARDER LTD", "12 Market Row", "Bath BA1 5EZ", "Tel: 01225 555 014", ""]
    for item in items:
        lines.append(row(item.name, f"{item.total}", width))
        if item.unit:
            lines.append(f"   {item.quantity} kg @ £{item.unit_price}/kg")
    net = total_of(items)
    off = money(net * Decimal("0.1"))
    total = net - off
    tendered, change = cash_payment(rng, total)
    lines += [
        row("SUB-TOTAL", f"{net}", width),
        row("DISCOUNT 10%", f"-{off}", width),
        row("TOTAL TO PAY", f"£{total}", width),
        row("CASH", f"£{tendered}.00", width),
        row("CHANGE", f"£{change}", width),
        "",
        "Date: " + day.strftime("%d %b %Y") + "  Time: 11:27",
    ]
    return Printed("uk_grocer", "THE CORNER LARDER LTD", day, "GBP", items, total, tuple(lines))


def irish_pharmacy(rng: random.Random) -> Printed:
    """Numbered lines, euro sign before points, VAT codes."""
    width, day = 36, random_date(rng)
    items = basket(rng, ENGLISH)
    lines = [
        "QUAYSIDE PHARMACY",
        "5 Ormond Quay, Dublin 1",
        "VAT Reg No: IE1234567T",
        "",
        f"{day:%d-%b-%Y} 15:20   Till 2",
        "",
    ]
    lines += [row(f"{n}. {i.name}", f"€{i.total} B", width) for n, i in enumerate(items, start=1)]
    total = total_of(items)
    tendered, change = cash_payment(rng, total)
    lines += [
        "",
        row("Total", f"€{total}", width),
        row("Cash", f"€{tendered}.00", width),
        row("Change", f"€{change}", width),
        row("VAT incl. B 23%", f"€{money(total * 23 / 123)}", width),
        "Thank you",
    ]
    return Printed("irish_pharmacy", "QUAYSIDE PHARMACY", day, "EUR", items, total, tuple(lines))
