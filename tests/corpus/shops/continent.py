"""Shops of the euro continent: decimal commas, tax included and broken down."""

import random
from decimal import Decimal

from tests.corpus.goods import FRENCH, GERMAN, SPANISH
from tests.corpus.till import (
    Printed,
    Sold,
    basket,
    cash_payment,
    comma,
    money,
    random_date,
    row,
    total_of,
    weighed,
)


def german_market(rng: random.Random) -> Printed:
    """Decimal commas, tax letters, a multiplication above the item, a MwSt table."""
    width, day = 38, random_date(rng)
    items = (*basket(rng, GERMAN, 4), weighed(rng, "RISPENTOMATEN", "kg"))
    lines = [
        "SONNENMARKT",
        "Lindenstr. 14",
        "50674 Köln",
        "UID Nr.: DE812345678",
        row("", "EUR", width),
    ]
    for item in items:
        if item.unit:
            lines += [
                f"   {str(item.quantity).replace('.', ',')} kg x {comma(item.unit_price)} EUR/kg"
            ]
        elif item.quantity > 1:
            lines += [f"   {item.quantity} x {comma(item.unit_price)}"]
        lines.append(row(item.name, f"{comma(item.total)} B", width))
    total = total_of(items)
    tax = money(total * 7 / 107)
    lines += [
        "-" * width,
        row("SUMME   EUR", comma(total), width),
        "-" * width,
        row("Geg. EC-Karte EUR", comma(total), width),
        "",
        "Steuer %    Netto   Steuer   Brutto",
        f"B=  7,0%  {comma(total - tax)}   {comma(tax)}   {comma(total)}",
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
    width, day = 32, random_date(rng)
    deposit = Sold("PFAND", Decimal(1), Decimal("0.25"), Decimal("0.25"))
    items = (*basket(rng, GERMAN), deposit)
    lines = ["Getränke Huber GmbH", "Hauptstraße 3", "80331 München", "Tel. 089 / 555 0199", ""]
    lines += [row(i.name, f"{comma(i.total)} {'A'}", width) for i in items]
    total = total_of(items)
    tendered, change = cash_payment(rng, total)
    lines += [
        "=" * width,
        row("Gesamtbetrag", f"{comma(total)} €", width),
        row("Bar", f"{comma(Decimal(tendered))} €", width),
        row("Rückgeld", f"{comma(change)} €", width),
        row("enthält MwSt 19%", comma(money(total * 19 / 119)), width),
        day.strftime("%d.%m.%y") + " 09:14  Bed. 2",
    ]
    return Printed("german_deposit", "Getränke Huber GmbH", day, "EUR", items, total, tuple(lines))


def french_market(rng: random.Random) -> Printed:
    """Quantity columns in French, TVA included, textual total."""
    width, day = 40, random_date(rng)
    items = basket(rng, FRENCH, 4)
    lines = [
        "LE PANIER BLEU",
        "24 rue des Tilleuls",
        "69003 LYON",
        "SIRET 552 100 554 00013",
        "",
        f"{'ARTICLE':<20}{'QTE':>4}{'P.U.':>7}{'MONTANT':>9}",
    ]
    lines += [
        f"{i.name[:20]:<20}{i.quantity:>4}{comma(i.unit_price):>7}{comma(i.total):>9}"
        for i in items
    ]
    total = total_of(items)
    lines += [
        "",
        row("TOTAL A PAYER", f"{comma(total)} €", width),
        row("CARTE BANCAIRE", f"{comma(total)} €", width),
        row("DONT TVA 5,5%", comma(money(total * Decimal("5.5") / Decimal("105.5"))), width),
        "",
        f"Le {day:%d/%m/%Y} à 12:36   Caisse 4",
        "Merci de votre visite",
    ]
    return Printed(
        "french_market", "LE PANIER BLEU", day, "EUR", items, total, tuple(lines), frozenset({0})
    )


def spanish_shop(rng: random.Random) -> Printed:
    """Quantity first, unit price in its own column only for multiples, IVA table."""
    width, day = 38, random_date(rng)
    items = basket(rng, SPANISH, 4)
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
        f"{comma(i.unit_price) if i.quantity > 1 else '':>8}{comma(i.total):>8}"
        for i in items
    ]
    total = total_of(items)
    tax = money(total * 10 / 110)
    lines += [
        "",
        row("TOTAL (€)", comma(total), width),
        row("TARJETA BANCARIA", comma(total), width),
        "",
        "IVA   BASE IMPONIBLE (€)   CUOTA (€)",
        f"10%   {comma(total - tax)}        {comma(tax)}",
        "SE ADMITEN DEVOLUCIONES CON TICKET",
    ]
    return Printed(
        "spanish_shop", "MERCADO LA PALMERA S.L.", day, "EUR", items, total, tuple(lines)
    )
