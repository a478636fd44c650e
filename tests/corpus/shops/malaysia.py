"""Malaysian shops: names above or below their numbers, service charge, rounding to five sen."""

import random
from decimal import ROUND_HALF_UP, Decimal

from tests.corpus.goods import MALAY
from tests.corpus.till import (
    CENT,
    Printed,
    basket,
    cash_payment,
    ean,
    money,
    random_date,
    row,
    total_of,
)


def malay_columns(rng: random.Random) -> Printed:
    """Code and numbers first, the name below, GST inclusive, rounding to five sen."""
    width, day = 42, random_date(rng)
    items = basket(rng, MALAY, 4)
    lines = [
        "PERNIAGAAN SERI INDAH SDN BHD",
        "(812345-K)",
        "NO 8, JALAN MAWAR 3,",
        "TAMAN MELATI, 53100 KUALA LUMPUR",
        "GST ID: 000112233445",
        "TAX INVOICE",
        "",
        f"Doc No: CS0008{rng.randrange(999)}   Date: {day:%d/%m/%Y}",
        "Cashier: USER         Time: 13:04:00",
        f"{'Item':<16}{'Qty':>5}{'S/Price':>9}{'Amount':>9} Tax",
    ]
    for i in items:
        lines += [f"{ean(rng):<16}{i.quantity:>5}{i.unit_price:>9}{i.total:>9} SR", f"  {i.name}"]
    net = total_of(items)
    total = (net / 5).quantize(CENT, rounding=ROUND_HALF_UP) * 5
    tendered, change = cash_payment(rng, total)
    untaxed = money(net / Decimal("1.06"))
    lines += [
        f"Total Qty: {sum(i.quantity for i in items)}",
        row("Total Sales (Inclusive of GST)", f"{net}", width),
        row("Rounding Adj", f"{total - net}", width),
        row("Net Total", f"{total}", width),
        row("CASH", f"{tendered}.00", width),
        row("Change", f"{change}", width),
        "GST Summary      Amount(RM)     Tax(RM)",
        f"SR (6%)             {untaxed}        {net - untaxed}",
        "THANK YOU",
    ]
    return Printed(
        "malay_columns", "PERNIAGAAN SERI INDAH SDN BHD", day, "MYR", items, total, tuple(lines)
    )


def malay_minimart(rng: random.Random) -> Printed:
    """Name above, multiplication and total below, RM signs."""
    width, day = 36, random_date(rng)
    items = basket(rng, MALAY, 4)
    lines = [
        "MINI MARKET BINTANG",
        "(JM0456789-X)",
        "12, JALAN BESAR",
        "83000 BATU PAHAT, JOHOR",
        "TEL: 07-5550123",
        "",
        f"Bill No: 10{rng.randrange(9999):04}  {day:%d-%m-%Y} 09:41",
    ]
    for i in items:
        lines += [i.name, row(f"  {i.quantity} X {i.unit_price}", f"{i.total}", width)]
    total = total_of(items)
    tendered, change = cash_payment(rng, total)
    lines += [
        "-" * width,
        row(f"Item(s): {len(items)}", "", width),
        row("TOTAL", f"RM {total}", width),
        row("CASH", f"RM {tendered}.00", width),
        row("CHANGE", f"RM {change}", width),
        "TERIMA KASIH SILA DATANG LAGI",
    ]
    return Printed(
        "malay_minimart",
        "MINI MARKET BINTANG",
        day,
        "MYR",
        items,
        total,
        tuple(lines),
        frozenset({0}),
    )


def malay_restaurant(rng: random.Random) -> Printed:
    """Service charge and tax on top of the dishes."""
    width, day = 36, random_date(rng)
    dishes = (
        "NASI LEMAK AYAM",
        "TEH O AIS",
        "MEE GORENG",
        "SATAY AYAM 6S",
        "KOPI PANAS",
        "ROTI CANAI",
    )
    items = basket(rng, dishes, 3, 200)
    lines = [
        "RESTORAN DAUN HIJAU",
        "LOT 5, PLAZA SENTRAL",
        "80000 JOHOR BAHRU",
        "SST ID: J31-1808-31001234",
        "",
        f"Table: 7   {day:%d %b %Y} 20:14",
        "",
        f"{'Qty':<4}{'Description':<22}{'Total':>10}",
    ]
    lines += [f"{i.quantity:<4}{i.name:<22}{i.total:>10}" for i in items]
    net = total_of(items)
    service, tax = money(net * Decimal("0.1")), money(net * Decimal("0.06"))
    total = net + service + tax
    lines += [
        "",
        row("Subtotal", f"{net}", width),
        row("Service Charge 10%", f"{service}", width),
        row("SST 6%", f"{tax}", width),
        row("Total RM", f"{total}", width),
        "Thank you, please come again",
    ]
    return Printed(
        "malay_restaurant",
        "RESTORAN DAUN HIJAU",
        day,
        "MYR",
        items,
        total,
        tuple(lines),
        frozenset({0}),
    )
