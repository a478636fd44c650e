"""Shops of Russia, Ukraine, Bulgaria and Serbia, whose tills print Cyrillic letters."""

import random
from decimal import Decimal

from tests.corpus.goods import BULGARIAN, RUSSIAN, SERBIAN, UKRAINIAN
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


def russian_grocer(rng: random.Random) -> Printed:
    """Numbered names, price times quantity below, sums behind an equals sign."""
    width, day = 38, random_date(rng)
    items = basket(rng, RUSSIAN, 4)
    lines = [
        "ООО «БЕРЁЗОВАЯ РОЩА»",
        "г. Казань, ул. Баумана, 17",
        "ИНН 1655123456",
        "КАССОВЫЙ ЧЕК / ПРИХОД",
        row(f"{day:%d.%m.%y} 18:42", "Смена № 214", width),
        "Кассир: Иванова",
        "",
    ]
    for number, item in enumerate(items, start=1):
        lines.append(f"{number}. {item.name}")
        lines.append(row(f"   {item.unit_price} x {item.quantity}", f"={item.total}", width))
    total = total_of(items)
    tendered, change = cash_payment(rng, total)
    lines += [
        "",
        row("ИТОГ", f"={total}", width),
        row("НАЛИЧНЫМИ", f"={tendered}.00", width),
        row("СДАЧА", f"={change}", width),
        row("СУММА НДС 10%", f"={money(total / 11)}", width),
        "СПАСИБО ЗА ПОКУПКУ!",
    ]
    return Printed(
        "russian_grocer",
        "ООО «БЕРЁЗОВАЯ РОЩА»",
        day,
        "RUB",
        items,
        total,
        tuple(lines),
        frozenset({0}),
    )


def ukrainian_market(rng: random.Random) -> Printed:
    """Quantity times price above the name, tax letters behind the amounts, a card."""
    width, day = 36, random_date(rng)
    items = (*basket(rng, UKRAINIAN, 3), weighed(rng, "Яблука Ґала вагові", "кг"))
    lines = [
        "ТОВ «ЗЕЛЕНИЙ ГАЙ»",
        "Супермаркет",
        "м. Львів, вул. Шевченка, 8",
        "ПН 412345678901",
        "",
    ]
    for item in items:
        if item.quantity != 1:
            lines.append(f"{_with_comma(item.quantity)} x {comma(item.unit_price)}")
        lines.append(row(item.name, f"{comma(item.total)} А", width))
    total = total_of(items)
    lines += [
        "-" * width,
        row("СУМА", f"{comma(total)} ГРН", width),
        row("ПДВ А 20,00%", f"{comma(money(total / 6))}", width),
        row("КАРТКА", f"{comma(total)} ГРН", width),
        f"ЧЕК № 10482  {day:%d.%m.%Y} 09:17:33",
        "ФІСКАЛЬНИЙ ЧЕК",
        "Дякуємо за покупку!",
    ]
    return Printed("ukrainian_market", "ТОВ «ЗЕЛЕНИЙ ГАЙ»", day, "UAH", items, total, tuple(lines))


def bulgarian_shop(rng: random.Random) -> Printed:
    """Tax letters of Bulgaria, leva, cash and change."""
    width, day = 34, random_date(rng)
    items = basket(rng, BULGARIAN)
    lines = [
        "МАГАЗИН СЛЪНЧОГЛЕД ЕООД",
        "гр. Пловдив, бул. Руски 41",
        "ЕИК 115123456",
        "ЗДДС № BG115123456",
        "",
        *(row(item.name, f"{item.total} Б", width) for item in items),
    ]
    total = total_of(items)
    tendered, change = cash_payment(rng, total)
    lines += [
        "",
        row("ОБЩА СУМА ЛВ", f"{total}", width),
        row("В БРОЙ ЛВ", f"{tendered}.00", width),
        row("РЕСТО ЛВ", f"{change}", width),
        f"{day:%d-%m-%Y} 12:05:51  0012345",
        "ФИСКАЛЕН БОН",
        "БЛАГОДАРИМ ВИ!",
    ]
    return Printed(
        "bulgarian_shop", "МАГАЗИН СЛЪНЧОГЛЕД ЕООД", day, "BGN", items, total, tuple(lines)
    )


def serbian_shop(rng: random.Random) -> Printed:
    """A fiscal receipt of Serbia: names with a tax letter, price, quantity and sum below."""
    width, day = 40, random_date(rng)
    items = tuple(
        Sold(i.name, i.quantity, i.unit_price * 10, i.total * 10) for i in basket(rng, SERBIAN, 3)
    )
    lines = [
        "ФИСКАЛНИ РАЧУН",
        "ПИБ: 101234567",
        "ПРОДАВНИЦА КОД ЂОРЂА",
        "Његошева 12, Крагујевац",
        "Касир: Љубица",
        "",
        "Артикли",
        row("Назив    Цена     Кол.", "Укупно", width),
    ]
    for item in items:
        lines.append(f"{item.name} (Ђ)")
        middle = f"{comma(item.unit_price):>12}{item.quantity:>9}"
        lines.append(row(middle, comma(item.total), width))
    total = total_of(items)
    lines += [
        "",
        row("Укупан износ:", comma(total), width),
        row("Платна картица:", comma(total), width),
        row("Ознака  Име  Стопа", "Порез", width),
        row("Ђ    О-ПДВ   20,00%", comma(money(total / 6)), width),
        row("Укупан износ пореза:", comma(money(total / 6)), width),
        row("ПФР време:", f"{day:%d.%m.%Y}. 17:55:10", width),
        "КРАЈ ФИСКАЛНОГ РАЧУНА",
    ]
    return Printed("serbian_shop", "ПРОДАВНИЦА КОД ЂОРЂА", day, "RSD", items, total, tuple(lines))


def _with_comma(value: Decimal) -> str:
    """Return a quantity with a decimal comma."""
    return str(value).replace(".", ",")
