"""Thirteen invented shops, each printing a random basket the way tills of its country do.

A shop is a function from a random source to a `Printed`: the lines of the receipt on a character
grid, and the label that a reader should come back with. All names are made up.
"""

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")


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


_ENGLISH = (
    "WHOLE MILK 2L",
    "BROWN EGGS LARGE 12",
    "SLICED BREAD WHEAT",
    "CHEDDAR MILD 400G",
    "BANANA LOOSE",
    "GREEK YOGURT PLAIN",
    "PENNE PASTA 500G",
    "TOMATO CHOPPED TIN",
    "OLIVE OIL 500ML",
    "BASMATI RICE 1KG",
    "CHICKEN BREAST",
    "GROUND BEEF LEAN",
    "SALMON FILLET",
    "ORANGE JUICE 1L",
    "GREEN TEA 50S",
    "PEANUT BUTTER CRUNCHY",
    "STRAWBERRY JAM",
    "SEA SALT CRISPS",
    "DARK CHOCOLATE BAR",
    "DISH SOAP LEMON",
    "PAPER TOWEL 6 ROLL",
    "AA BATTERIES 4PK",
    "FROZEN PEAS 900G",
    "ICE CREAM VANILLA",
    "RED ONION NET",
    "GARLIC BULB",
    "AVOCADO RIPE",
    "COFFEE BEANS 250G",
    "SPARKLING WATER 6PK",
    "OAT BISCUITS",
)
_GERMAN = (
    "VOLLMILCH 3,5%",
    "BIO EIER 10ER",
    "ROGGENBROT 750G",
    "GOUDA JUNG",
    "BANANEN",
    "NATURJOGHURT",
    "SPAGHETTI NR.5",
    "TOMATEN PASSIERT",
    "RAPSOEL 1L",
    "LANGKORNREIS",
    "HAEHNCHENBRUST",
    "APFELSAFT 1L",
    "KAFFEE GEMAHLEN",
    "BUTTER MILD",
    "MINERALWASSER",
    "SCHOKOLADE ZARTBITTER",
)
_FRENCH = (
    "LAIT DEMI ECREME",
    "OEUFS PLEIN AIR X6",
    "BAGUETTE TRADITION",
    "COMTE 12 MOIS",
    "BANANES",
    "YAOURT NATURE X4",
    "COQUILLETTES 500G",
    "PULPE DE TOMATE",
    "HUILE OLIVE",
    "RIZ LONG GRAIN",
    "FILET DE POULET",
    "JUS DE POMME",
    "BEURRE DOUX",
    "EAU GAZEUSE",
)
_SPANISH = (
    "LECHE ENTERA",
    "HUEVOS L DOCENA",
    "PAN DE MOLDE",
    "QUESO MANCHEGO",
    "PLATANO",
    "YOGUR NATURAL",
    "MACARRONES",
    "TOMATE FRITO",
    "ACEITE DE OLIVA",
    "ARROZ REDONDO",
    "PECHUGA POLLO",
    "ZUMO NARANJA",
)
_MALAY = (
    "MILO 3IN1 18S",
    "BERAS WANGI 5KG",
    "GULA PASIR 1KG",
    "TELUR GRED A 10S",
    "SARDIN SOS TOMATO",
    "KICAP MANIS 640ML",
    "MI SEGERA AYAM 5S",
    "TEH TARIK 15S",
    "BISKUT MARIE 300G",
    "SABUN CUCI 2KG",
    "MINYAK MASAK 2KG",
    "SUSU PEKAT MANIS",
    "ROTI PUTIH 400G",
    "UBAT GIGI HERBA",
    "CABLE TIE 4X200MM",
)


def _money(value: Decimal) -> Decimal:
    return value.quantize(_CENT, rounding=ROUND_HALF_UP)


def _price(rng: random.Random, low: int = 59, high: int = 1599) -> Decimal:
    return Decimal(rng.randint(low, high)).scaleb(-2)


def _day(rng: random.Random) -> datetime.date:
    return datetime.date(2023, 1, 1) + datetime.timedelta(days=rng.randrange(900))


def _basket(
    rng: random.Random, names: tuple[str, ...], most_each: int = 1, low: int = 59
) -> tuple[Sold, ...]:
    items = []
    for name in rng.sample(names, rng.randint(2, min(9, len(names)))):
        each = _price(rng, low)
        count = (
            Decimal(rng.randint(2, most_each))
            if most_each > 1 and rng.random() < 0.35
            else Decimal(1)
        )
        items.append(Sold(name, count, each, each * count))
    return tuple(items)


def _weighed(rng: random.Random, name: str, unit: str) -> Sold:
    weight = Decimal(rng.randint(150, 2400)) / 1000
    each = _price(rng, 89, 899)
    return Sold(name, weight, each, _money(weight * each), unit)


def _sum(items: tuple[Sold, ...]) -> Decimal:
    return sum((item.total - item.discount for item in items), Decimal("0.00"))


def _row(left: str, right: str, width: int) -> str:
    left = left[: width - len(right) - 1]
    return left + right.rjust(width - len(left))


def _comma(value: Decimal) -> str:
    whole, cents = f"{value:,.2f}".split(".")
    return whole.replace(",", ".") + "," + cents


def _ean(rng: random.Random) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(12))


def _change(rng: random.Random, total: Decimal) -> tuple[Decimal, Decimal]:
    tendered = Decimal((int(total) // 10 + 1 + rng.randrange(2)) * 10)
    return tendered, tendered - total


def us_barcodes(rng: random.Random) -> Printed:
    """Name, bar code and price on a line, a letter for tax; sales tax added."""
    width, day = 40, _day(rng)
    items = _basket(rng, _ENGLISH)
    lines = [
        "HARVEST BARN",
        "Save more. Every day.",
        "(555) 201-7788",
        "1420 MAPLE ST",
        "DAYTON OH 45402",
        "ST# 02133 OP# 0041 TE# 07 TR# 03321",
    ]
    lines += [
        _row(f"{i.name[:20]:<20} {_ean(rng)}", f"{i.total} {rng.choice('FNX')}", width)
        for i in items
    ]
    net = _sum(items)
    tax = _money(net * Decimal("0.0725"))
    total = net + tax
    lines += [
        _row("SUBTOTAL", f"{net}  ", width),
        _row("TAX 1   7.250 %", f"{tax}  ", width),
        _row("TOTAL", f"{total}  ", width),
        _row("DEBIT TEND", f"{total}  ", width),
        _row("CHANGE DUE", "0.00  ", width),
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
    """Member savings under the item, weighed goods above theirs, points that look like money."""
    width, day = 38, _day(rng)
    items = [*_basket(rng, _ENGLISH, 3), _weighed(rng, "GALA APPLES", "lb")]
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
                _row(f"WT {item.name}", f"{item.total} F", width),
            ]
            item = Sold(f"WT {item.name}", item.quantity, item.unit_price, item.total, item.unit)
        elif item.quantity > 1:
            lines += [
                f"{item.quantity} @ {item.unit_price}",
                _row(item.name, f"{item.total} F", width),
            ]
        else:
            lines.append(_row(item.name, f"{item.total} F", width))
        if item.total > 3 and rng.random() < 0.3:
            off = _price(rng, 20, 150)
            lines.append(_row("  MEMBER SAVINGS", f"{off}-", width))
            item = Sold(item.name, item.quantity, item.unit_price, item.total, item.unit, off)
        sold.append(item)
    total = _sum(tuple(sold))
    lines += [
        _row("TAX", "0.00", width),
        _row("**** BALANCE", f"{total}", width),
        "",
        _row("VISA", f"{total}", width),
        _row("CHANGE", "0.00", width),
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
    width, day = 36, _day(rng)
    dishes = (
        "Cheeseburger",
        "Caesar Salad",
        "Iced Tea",
        "Onion Rings",
        "Apple Pie",
        "Club Sandwich",
        "Lemonade",
    )
    items = _basket(rng, dishes, 3, 350)
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
    lines += [_row(f"{i.quantity} {i.name}", f"${i.total}", width) for i in items]
    net = _sum(items)
    tax, tip = _money(net * Decimal("0.055")), _money(net * Decimal("0.18"))
    total = net + tax + tip
    lines += [
        "",
        _row("Subtotal", f"${net}", width),
        _row("Tax", f"${tax}", width),
        _row("Tip", f"${tip}", width),
        _row("Total", f"${total}", width),
        "",
        _row("Mastercard x4410", f"${total}", width),
        "Thank you!",
    ]
    return Printed(
        "us_diner", "BLUE HERON DINER", day, "USD", items, total, tuple(lines), frozenset({0})
    )


def uk_supermarket(rng: random.Random) -> Printed:
    """Pound signs, multiples on a line of their own below, a multibuy."""
    width, day = 36, _day(rng)
    items = []
    lines = ["OAKWELL STORES", "High Street, Leeds LS1 4DY", "VAT NO: GB 123 4567 89", ""]
    for item in _basket(rng, _ENGLISH, 4):
        lines.append(_row(item.name, f"£{item.total}", width))
        if item.quantity > 1:
            lines.append(f"  {item.quantity} x £{item.unit_price}")
            if rng.random() < 0.5:
                off = _money(item.unit_price / 2)
                lines.append(_row("  Multibuy saving", f"-£{off}", width))
                item = Sold(item.name, item.quantity, item.unit_price, item.total, None, off)
        items.append(item)
    total = _sum(tuple(items))
    lines += [
        "",
        _row("TOTAL", f"£{total}", width),
        _row("VISA DEBIT", f"£{total}", width),
        _row("CHANGE DUE", "£0.00", width),
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
    width, day = 34, _day(rng)
    items = (*_basket(rng, _ENGLISH), _weighed(rng, "BRAEBURN APPLES", "kg"))
    lines = ["THE CORNER LARDER LTD", "12 Market Row", "Bath BA1 5EZ", "Tel: 01225 555 014", ""]
    for item in items:
        lines.append(_row(item.name, f"{item.total}", width))
        if item.unit:
            lines.append(f"   {item.quantity} kg @ £{item.unit_price}/kg")
    net = _sum(items)
    off = _money(net * Decimal("0.1"))
    total = net - off
    tendered, change = _change(rng, total)
    lines += [
        _row("SUB-TOTAL", f"{net}", width),
        _row("DISCOUNT 10%", f"-{off}", width),
        _row("TOTAL TO PAY", f"£{total}", width),
        _row("CASH", f"£{tendered}.00", width),
        _row("CHANGE", f"£{change}", width),
        "",
        "Date: " + day.strftime("%d %b %Y") + "  Time: 11:27",
    ]
    return Printed("uk_grocer", "THE CORNER LARDER LTD", day, "GBP", items, total, tuple(lines))


def german_market(rng: random.Random) -> Printed:
    """Decimal commas, tax letters, a multiplication above the item, a MwSt table."""
    width, day = 38, _day(rng)
    items = (*_basket(rng, _GERMAN, 4), _weighed(rng, "RISPENTOMATEN", "kg"))
    lines = [
        "SONNENMARKT",
        "Lindenstr. 14",
        "50674 Köln",
        "UID Nr.: DE812345678",
        _row("", "EUR", width),
    ]
    for item in items:
        if item.unit:
            lines += [
                f"   {str(item.quantity).replace('.', ',')} kg x {_comma(item.unit_price)} EUR/kg"
            ]
        elif item.quantity > 1:
            lines += [f"   {item.quantity} x {_comma(item.unit_price)}"]
        lines.append(_row(item.name, f"{_comma(item.total)} B", width))
    total = _sum(items)
    tax = _money(total * 7 / 107)
    lines += [
        "-" * width,
        _row("SUMME   EUR", _comma(total), width),
        "-" * width,
        _row("Geg. EC-Karte EUR", _comma(total), width),
        "",
        "Steuer %    Netto   Steuer   Brutto",
        f"B=  7,0%  {_comma(total - tax)}   {_comma(tax)}   {_comma(total)}",
        "",
        "Datum: " + day.strftime("%d.%m.%Y") + "  Uhrzeit: 17:45:09",
        "Bon-Nr.: 4471   Kasse: 3",
        "Vielen Dank",
    ]
    return Printed(
        "german_market", "SONNENMARKT", day, "EUR", items, total, tuple(lines), frozenset({0})
    )


def german_deposit(rng: random.Random) -> Printed:
    """A bakery-like till: deposit (Pfand) lines, cash given and back."""
    width, day = 32, _day(rng)
    deposit = Sold("PFAND", Decimal(1), Decimal("0.25"), Decimal("0.25"))
    items = (*_basket(rng, _GERMAN), deposit)
    lines = ["Getränke Huber GmbH", "Hauptstraße 3", "80331 München", "Tel. 089 / 555 0199", ""]
    lines += [_row(i.name, f"{_comma(i.total)} {'A'}", width) for i in items]
    total = _sum(items)
    tendered, change = _change(rng, total)
    lines += [
        "=" * width,
        _row("Gesamtbetrag", f"{_comma(total)} €", width),
        _row("Bar", f"{_comma(Decimal(tendered))} €", width),
        _row("Rückgeld", f"{_comma(change)} €", width),
        _row("enthält MwSt 19%", _comma(_money(total * 19 / 119)), width),
        day.strftime("%d.%m.%y") + " 09:14  Bed. 2",
    ]
    return Printed("german_deposit", "Getränke Huber GmbH", day, "EUR", items, total, tuple(lines))


def french_market(rng: random.Random) -> Printed:
    """Quantity columns in French, TVA included, textual total."""
    width, day = 40, _day(rng)
    items = _basket(rng, _FRENCH, 4)
    lines = [
        "LE PANIER BLEU",
        "24 rue des Tilleuls",
        "69003 LYON",
        "SIRET 552 100 554 00013",
        "",
        f"{'ARTICLE':<20}{'QTE':>4}{'P.U.':>7}{'MONTANT':>9}",
    ]
    lines += [
        f"{i.name[:20]:<20}{i.quantity:>4}{_comma(i.unit_price):>7}{_comma(i.total):>9}"
        for i in items
    ]
    total = _sum(items)
    lines += [
        "",
        _row("TOTAL A PAYER", f"{_comma(total)} €", width),
        _row("CARTE BANCAIRE", f"{_comma(total)} €", width),
        _row("DONT TVA 5,5%", _comma(_money(total * Decimal("5.5") / Decimal("105.5"))), width),
        "",
        f"Le {day:%d/%m/%Y} à 12:36   Caisse 4",
        "Merci de votre visite",
    ]
    return Printed(
        "french_market", "LE PANIER BLEU", day, "EUR", items, total, tuple(lines), frozenset({0})
    )


def spanish_shop(rng: random.Random) -> Printed:
    """Quantity first, unit price in its own column only for multiples, IVA table."""
    width, day = 38, _day(rng)
    items = _basket(rng, _SPANISH, 4)
    lines = [
        "MERCADO LA PALMERA S.L.",
        "C/ Mayor 17",
        "28013 MADRID",
        "CIF B12345678",
        f"{day:%d/%m/%Y} 13:05  OP: 118",
        "",
        f"{'Descripción':<22}{'P. Unit':>8}{'Importe':>8}",
    ]
    lines += [
        f"{i.quantity} {i.name[:20]:<20}"
        f"{_comma(i.unit_price) if i.quantity > 1 else '':>8}{_comma(i.total):>8}"
        for i in items
    ]
    total = _sum(items)
    tax = _money(total * 10 / 110)
    lines += [
        "",
        _row("TOTAL (€)", _comma(total), width),
        _row("TARJETA BANCARIA", _comma(total), width),
        "",
        "IVA   BASE IMPONIBLE (€)   CUOTA (€)",
        f"10%   {_comma(total - tax)}        {_comma(tax)}",
        "SE ADMITEN DEVOLUCIONES CON TICKET",
    ]
    return Printed(
        "spanish_shop", "MERCADO LA PALMERA S.L.", day, "EUR", items, total, tuple(lines)
    )


def malay_columns(rng: random.Random) -> Printed:
    """Code and numbers first, the name below, GST inclusive, rounding to five sen."""
    width, day = 42, _day(rng)
    items = _basket(rng, _MALAY, 4)
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
        lines += [f"{_ean(rng):<16}{i.quantity:>5}{i.unit_price:>9}{i.total:>9} SR", f"  {i.name}"]
    net = _sum(items)
    total = (net / 5).quantize(_CENT, rounding=ROUND_HALF_UP) * 5
    tendered, change = _change(rng, total)
    untaxed = _money(net / Decimal("1.06"))
    lines += [
        f"Total Qty: {sum(i.quantity for i in items)}",
        _row("Total Sales (Inclusive of GST)", f"{net}", width),
        _row("Rounding Adj", f"{total - net}", width),
        _row("Net Total", f"{total}", width),
        _row("CASH", f"{tendered}.00", width),
        _row("Change", f"{change}", width),
        "GST Summary      Amount(RM)     Tax(RM)",
        f"SR (6%)             {untaxed}        {net - untaxed}",
        "THANK YOU",
    ]
    return Printed(
        "malay_columns", "PERNIAGAAN SERI INDAH SDN BHD", day, "MYR", items, total, tuple(lines)
    )


def malay_minimart(rng: random.Random) -> Printed:
    """Name above, multiplication and total below, RM signs."""
    width, day = 36, _day(rng)
    items = _basket(rng, _MALAY, 4)
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
        lines += [i.name, _row(f"  {i.quantity} X {i.unit_price}", f"{i.total}", width)]
    total = _sum(items)
    tendered, change = _change(rng, total)
    lines += [
        "-" * width,
        _row(f"Item(s): {len(items)}", "", width),
        _row("TOTAL", f"RM {total}", width),
        _row("CASH", f"RM {tendered}.00", width),
        _row("CHANGE", f"RM {change}", width),
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
    width, day = 36, _day(rng)
    dishes = (
        "NASI LEMAK AYAM",
        "TEH O AIS",
        "MEE GORENG",
        "SATAY AYAM 6S",
        "KOPI PANAS",
        "ROTI CANAI",
    )
    items = _basket(rng, dishes, 3, 200)
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
    net = _sum(items)
    service, tax = _money(net * Decimal("0.1")), _money(net * Decimal("0.06"))
    total = net + service + tax
    lines += [
        "",
        _row("Subtotal", f"{net}", width),
        _row("Service Charge 10%", f"{service}", width),
        _row("SST 6%", f"{tax}", width),
        _row("Total RM", f"{total}", width),
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


def irish_pharmacy(rng: random.Random) -> Printed:
    """Numbered lines, euro sign before points, VAT codes."""
    width, day = 36, _day(rng)
    items = _basket(rng, _ENGLISH)
    lines = [
        "QUAYSIDE PHARMACY",
        "5 Ormond Quay, Dublin 1",
        "VAT Reg No: IE1234567T",
        "",
        f"{day:%d-%b-%Y} 15:20   Till 2",
        "",
    ]
    lines += [_row(f"{n}. {i.name}", f"€{i.total} B", width) for n, i in enumerate(items, start=1)]
    total = _sum(items)
    tendered, change = _change(rng, total)
    lines += [
        "",
        _row("Total", f"€{total}", width),
        _row("Cash", f"€{tendered}.00", width),
        _row("Change", f"€{change}", width),
        _row("VAT incl. B 23%", f"€{_money(total * 23 / 123)}", width),
        "Thank you",
    ]
    return Printed("irish_pharmacy", "QUAYSIDE PHARMACY", day, "EUR", items, total, tuple(lines))


SHOPS: tuple[Callable[[random.Random], Printed], ...] = (
    us_barcodes,
    us_savings,
    us_diner,
    uk_supermarket,
    uk_grocer,
    german_market,
    german_deposit,
    french_market,
    spanish_shop,
    malay_columns,
    malay_minimart,
    malay_restaurant,
    irish_pharmacy,
)
