"""Made-up receipts in the words of many languages and in many layouts, with their truth."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sidecar.receipts.training.money_styles import MoneyStyle, random_style
from sidecar.receipts.word_lists import load

_UNITS = ("kg", "KG", "pcs", "st", "STK", "buc", "BUC", "szt", "UN", "ks", "db", "lb", "x", "Ud")
_TIMES = (" x ", "x", " X ", " @ ", "*", " * ", " × ", " a ")
_SIZES = (
    "500G", "1L", "1,5L", "0.33L", "2%", "12CT", "10 OZ", "250 g", "1KG", "6PK", "4EA", "75CL", "3,8%",
    "16OZ", "2 LB", "200ML", "XL", "12X20G", "N.4", "50ML", "1GL", "3IN1", "0,5 l", "6 x 1,5L",
)  # fmt: skip
_FLAGS = ("F", "T", "X", "N", "A", "B", "O", "TX", "SR", "1", "S", "C", "<A", "E", "TF", "D")
_FORMS = (
    "LDA",
    "SRL",
    "GmbH",
    "AS",
    "AB",
    "Sp. z o.o.",
    "SDN BHD",
    "S.A.",
    "A.S.",
    "Ltd",
    "Kft",
    "",
)


@dataclass
class _Page:
    rng: random.Random
    language: str
    style: MoneyStyle
    capitals: bool
    lines: list[str] = field(default_factory=list)

    def word(self, meaning: str) -> str:
        entries = load("vocabulary")[meaning]
        options = str(entries.get(self.language) or entries["en"])
        word = self.rng.choice(options.split("|")).strip()
        return word.upper() if self.capitals else word.capitalize()

    def add(self, left: str, amount: Decimal | None = None, *, plain: bool = False) -> None:
        if amount is not None:
            gap = self.rng.choice((" ", "   ", ": ", " " * 12, "    "))
            left = f"{left}{gap}{self.style.write(amount, plain=plain)}"
        self.lines.append(left)


def compose(
    rng: random.Random, names: Sequence[str], shops: Sequence[str], places: Sequence[str]
) -> dict[str, Any]:
    """Return a receipt as the training data have them: text, merchant, total and items.

    `names`, `shops` and `places` (address lines) are drawn from.
    """
    meanings = load("vocabulary")
    page = _Page(rng, rng.choice(list(meanings["total"])), random_style(rng), rng.random() < 0.55)
    shop = f"{rng.choice(shops)} {rng.choice(_FORMS)}".strip()
    merchant = _header(page, shop, places)
    unit = Decimal(1).scaleb(-page.style.decimals)
    scale = Decimal(rng.choice((1, 1, 3, 10))) * (100 if page.style.decimals == 0 else 1)
    items, discounts = _items(page, names, unit, scale)
    total = sum((price for _, _, price in items), Decimal(0)) - discounts
    total = _totals(page, total, unit)
    _footer(page, places)
    return {
        "source": "composed",
        "merchant": merchant,
        "total": str(total),
        "items": [
            {"name": name, "quantity": str(quantity), "total_price": str(price)}
            for name, quantity, price in items
        ],
        "text": "\n".join(page.lines),
    }


def _header(page: _Page, shop: str, places: Sequence[str]) -> str | None:
    rng = page.rng
    merchant: str | None = None
    if rng.random() < 0.85:
        merchant = shop
        if rng.random() < 0.1:
            page.add(rng.choice(("*** COPY ***", "WELCOME", "Tel: 021 555 123", page.word("info"))))
        page.add(shop.upper() if rng.random() < 0.5 else shop)
        for _ in range(rng.randint(0, 4)):
            page.add(rng.choice(places))
        if rng.random() < 0.6:
            page.add(f"{page.word('info')} {rng.randrange(10**5, 10**9)}")
    if rng.random() < 0.6:
        page.add(_date(rng))
    if rng.random() < 0.3:
        page.add(" ".join(page.word("columns") for _ in range(rng.randint(2, 4))))
    if rng.random() < 0.3:
        page.add(f"{page.word('info')}: {rng.randrange(1, 99)}")
    return merchant


def _date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2012, 2026)
    date = rng.choice(
        ("{d:02}.{m:02}.{y}", "{d:02}/{m:02}/{y}", "{y}-{m:02}-{d:02}", "{d:02}-{m:02}-{y}")
    )
    time = f" {rng.randint(7, 22):02}:{rng.randint(0, 59):02}"
    return date.format(d=day, m=month, y=year) + rng.choice((time, ""))


_Item = tuple[str, Decimal, Decimal]


def _items(
    page: _Page, names: Sequence[str], unit: Decimal, scale: Decimal
) -> tuple[list[_Item], Decimal]:
    rng = page.rng
    layout = rng.choice(
        (
            "inline",
            "inline",
            "quantity",
            "quantity_price",
            "below",
            "above",
            "code_above",
            "price_first",
            "unit_first",
        )
    )
    tail = rng.choice(("", "", "", " A", " 15%", " 23%", " %08", "*B", " T"))
    codes = rng.choices(("", "before", "after", "short", "number"), (55, 16, 14, 8, 7))[0]
    flagged = rng.random() < 0.3
    items: list[_Item] = []
    discounts = Decimal(0)
    heading = rng.random() < 0.08
    for number in range(rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 11))):
        if heading and rng.random() < 0.3:
            page.add(page.word("columns").upper())
        name = rng.choice(names)
        if rng.random() < 0.3:
            name = f"{name[:22].strip()} {rng.choice(_SIZES)}"
        if page.capitals:
            name = name.upper()
        each = (Decimal(rng.randint(40, 3500)) / 100 * scale).quantize(unit)
        if page.style.decimals == 0:
            each = each.quantize(Decimal("1e2")) if rng.random() < 0.8 else each
        each = max(each, unit * 50)
        if rng.random() < 0.03:
            each = Decimal(0)
        quantity, measure = Decimal(1), ""
        if rng.random() < 0.35:
            quantity = Decimal(rng.randint(2, 6))
        elif rng.random() < 0.12:
            quantity, measure = (
                Decimal(rng.randint(120, 2900)) / 1000,
                rng.choice(("kg", "KG", "lb")),
            )
        price = (each * quantity).quantize(unit, ROUND_HALF_UP)
        items.append((name, quantity, price))
        printed = _with_code(rng, name, codes, number)
        flag = f" {rng.choice(_FLAGS)}" if flagged and rng.random() < 0.8 else tail
        _print_item(page, layout, (printed, quantity, measure, each, price), flag, number)
        if rng.random() < 0.04:
            deposit = unit * rng.choice((5, 8, 10, 15, 25))
            label = page.word("deposit")
            page.add(label, deposit)
            items.append((label, Decimal(1), deposit))
        if rng.random() < 0.09:
            discount = min(price - unit, (price * rng.randint(5, 50) / 100).quantize(unit))
            if 0 < discount < price:
                label = page.word("discount")
                if rng.random() < 0.4:
                    label = f"{label} {rng.choice(('-20%', '2 FOR 1', name[:10], rng.choice(names)[:12], '52310'))}"
                page.add(
                    ("  " if rng.random() < 0.3 else "") + label,
                    -discount,
                    plain=rng.random() < 0.5,
                )
                discounts += discount
        if rng.random() < 0.05:
            page.add(f"({page.word('info')} {page.style.write(each + unit * 40, plain=True)})")
    return items, discounts


def _with_code(rng: random.Random, name: str, codes: str, number: int) -> str:
    """Return the name as a shop prints it: with a bar code, an article number or a count."""
    if codes == "before":
        return f"{rng.randrange(10**4, 10 ** rng.choice((5, 7, 13)))} {name}"
    if codes == "after":
        return f"{name} {rng.randrange(10**6, 10 ** rng.choice((7, 12, 13))):0>7}"
    if codes == "short":
        return f"{rng.choice('ABCDE')}{rng.randrange(10, 999)} {name}"
    return f"{number + 1} {name}" if codes == "number" else name


def _print_item(
    page: _Page,
    layout: str,
    item: tuple[str, Decimal, str, Decimal, Decimal],
    tail: str,
    number: int,
) -> None:
    name, quantity, measure, each, price = item
    rng, style = page.rng, page.style
    count = str(quantity).replace(".", style.mark if rng.random() < 0.9 else ".")
    times, unit = rng.choice(_TIMES), f" {measure or rng.choice(_UNITS)}"
    one = style.write(each, plain=True)
    amount = style.write(price)
    if layout == "inline" and quantity != 1:
        layout = rng.choice(("below", "above", "inline_times"))
    if layout == "inline":
        page.add(f"{name}{tail}", price)
    elif layout == "inline_times":
        page.add(f"{name} {count}{times}{one} {amount}")
    elif layout == "quantity":
        page.add(f"{count}{rng.choice((' ', 'x ', ' x ', unit + ' '))}{name}", price)
    elif layout == "quantity_price":
        page.add(f"{name} {count}{unit if rng.random() < 0.3 else ''} {one} {amount}")
    elif layout == "below" and rng.random() < 0.25:
        page.add(name, price)
        page.add(f"  {count}{unit if rng.random() < 0.5 else ''}{times}{one}")
    elif layout == "below":
        page.add(name)
        each_unit = f" /{measure}" if measure and rng.random() < 0.5 else ""
        page.add(
            f"{rng.choice(('', '  '))}{count}{unit if rng.random() < 0.5 else ''}{times}{one}{each_unit}{tail} {amount}"
        )
    elif layout == "above":
        if quantity != 1:
            page.add(f"{count}{unit if rng.random() < 0.5 else ''}{times}{one}")
        page.add(f"{name}{tail}", price)
    elif layout == "code_above":
        page.add(f"{rng.randrange(10**6, 10**13)} {name if rng.random() < 0.4 else ''}".strip())
        if page.lines[-1].isdigit():
            page.add(name)
        page.add(f"{count}{times}{one} {amount}")
    elif layout == "price_first":
        page.add(f"{number + 1:03} {name}" if rng.random() < 0.5 else name)
        page.add(f"{one}{times}{count} {amount}")
    else:
        page.add(f"{name} {one} {count} {amount}{tail}")


def _totals(page: _Page, total: Decimal, unit: Decimal) -> Decimal:
    """Print subtotal, taxes, the total and its payment; return the total."""
    rng = page.rng
    rate = Decimal(rng.choice((5, 6, 7, 8, 10, 15, 19, 20, 21, 23, 25)))
    if rng.random() < 0.05:  # sums of departments
        for share in (total - (total / 3).quantize(unit), (total / 3).quantize(unit)):
            page.add(page.word("columns").upper(), share)
    if rng.random() < 0.4:
        page.add(page.word("subtotal"), total)
    if rng.random() < 0.08:
        charge = (total * rng.choice((5, 10)) / 100).quantize(unit)
        page.add(page.word("charge"), charge)
        total += charge
    added = rng.random() < 0.25
    if added:
        tax = (total * rate / 100).quantize(unit)
        page.add(f"{page.word('tax')} {rate}%" if rng.random() < 0.6 else page.word("tax"), tax)
        total += tax
    if rng.random() < 0.06 and page.style.decimals == 2:
        rounded = (
            total.quantize(Decimal("0.1")) if rng.random() < 0.5 else total.quantize(Decimal(1))
        )
        if rounded != total:
            page.add(page.word("rounding"), rounded - total)
            total = rounded
    if rng.random() < 0.15:
        page.add(f"{page.word('count')} {rng.randint(1, 20)}")
    label = page.word("total")
    if rng.random() < 0.2:
        label += rng.choice(
            (
                " EUR",
                " PLN",
                " TTC",
                f" {rng.randint(2, 9)} {page.word('count').lower()}",
                " (RM)",
                " DKK",
                ":",
                " LEI",
            )
        )
    if rng.random() < 0.08:
        page.add(label)
        page.add(page.style.write(total))
    else:
        page.add(label, total)
    how = rng.random()
    if how < 0.4:
        note = Decimal(10) ** max(0, total.adjusted())
        given = (total // note + 1) * note if rng.random() < 0.8 else total
        page.add(page.word("cash"), given.quantize(unit))
        if given != total or rng.random() < 0.4:
            change = given - total
            page.add(
                page.word("change"), (-change if rng.random() < 0.15 else change).quantize(unit)
            )
    elif how < 0.8:
        page.add(page.word("card"), total)
    if not added and rng.random() < 0.5:
        _tax_table(page, total, rate, unit)
    return total


def _tax_table(page: _Page, total: Decimal, rate: Decimal, unit: Decimal) -> None:
    rng = page.rng
    shares = [total] if rng.random() < 0.6 else [(total * 2 / 3).quantize(unit)]
    if shares[0] != total:
        shares.append(total - shares[0])
    if rng.random() < 0.6:
        page.add(" ".join(page.word(m) for m in ("tax_table", "tax_table", "tax")))
    taxes = []
    for number, gross in enumerate(shares):
        percent = rate if number == 0 else Decimal(rng.choice((0, 5, 10)))
        tax = (gross * percent / (100 + percent)).quantize(unit, ROUND_HALF_UP)
        taxes.append((gross - tax, tax, gross))
        parts = rng.choice(
            ("net tax gross", "gross net tax", "gross tax", "tax", "net tax", "tax gross")
        )
        values = dict(zip(("net", "tax", "gross"), taxes[-1], strict=True))
        mark = rng.choice(
            (
                f"{percent}%",
                f"{'ABCD'[number]} {percent}%",
                f"{page.word('tax')} {percent} %",
                f"{page.word('tax_table')} {'ABCD'[number]}",
            )
        )
        page.add(
            f"{mark} " + " ".join(page.style.write(values[p], plain=True) for p in parts.split())
        )
    if len(shares) > 1 and rng.random() < 0.5:
        sums = [sum((t[k] for t in taxes), Decimal(0)) for k in range(3)]
        page.add(f"{page.word('total')} " + " ".join(page.style.write(s, plain=True) for s in sums))


def _footer(page: _Page, places: Sequence[str]) -> None:
    rng = page.rng
    for _ in range(rng.randint(0, 5)):
        kind = rng.random()
        if kind < 0.3:
            page.add(rng.choice(places))
        elif kind < 0.5:
            page.add(_date(rng))
        elif kind < 0.7:
            page.add(f"{page.word('info')} {rng.randrange(10**3, 10**8)}")
        elif kind < 0.8:
            saved = Decimal(rng.randint(20, 900)) / 100
            page.add(f"{page.word('info')} {page.style.write(saved, plain=True)}")
        else:
            page.add(f"{page.word('info')}: {page.word('info')}")
