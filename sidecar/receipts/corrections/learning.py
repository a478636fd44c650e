"""Learns from a person's correction of a receipt: compares it with the reading."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sidecar.classification.corrections import MAX_CORRECTED_NAME, correction_key
from sidecar.receipts.corrections.kinds import CorrectionKind, Lesson
from sidecar.receipts.corrections.lessons import (
    name_line_key,
    printed_name,
    quantity_line_key,
    shop_key,
    taught_merchant_keys,
)
from sidecar.receipts.fields.purchase_date import orders_of

_MAX_SHOWN: Final = MAX_CORRECTED_NAME
_MAX_SHOP: Final = 200


def lessons_of_line(
    flat: Mapping[str, Any], line: Mapping[str, Any], changes: Mapping[str, Any], shop: str | None
) -> Iterator[Lesson]:
    """Yield what a correction of one line teaches; `changes` has only what was corrected.

    Its keys are name, quantity, unit, category and catalog_id. What it says about a name (category,
    product) applies everywhere, the rest to that line of that shop.
    """
    names = dict.fromkeys(
        name[:MAX_CORRECTED_NAME]
        for name in (line.get("raw_text"), printed_name(line), changes.get("name"))
        if name and name.strip()
    )
    for kind, field in (
        (CorrectionKind.CATEGORY, "category"),
        (CorrectionKind.CATALOG, "catalog_id"),
    ):
        if changes.get(field) is not None:
            for name in names:
                yield Lesson(kind=kind, key=correction_key(name), name=name, value=changes[field])
    shown = printed_name(line)[:_MAX_SHOWN]
    shown_shop = shop and shop[:_MAX_SHOP]
    read = line.get("read") or {}
    key = name_line_key(shop_key(shop), line)
    if changes.get("name") is not None:
        yield Lesson(
            kind=CorrectionKind.NAME,
            key=key,
            name=shown,
            value=changes["name"],
            shop=shown_shop,
            was=_text(read.get("name", line.get("parsed_name"))),
        )
    if "unit" in changes:
        yield Lesson(
            kind=CorrectionKind.UNIT,
            key=key,
            name=shown,
            value=changes["unit"] or "",
            shop=shown_shop,
            was=_text(read.get("unit", line.get("unit"))),
        )
    if changes.get("quantity") is not None:
        yield Lesson(
            kind=CorrectionKind.QUANTITY,
            key=quantity_line_key(shop_key(shop), line),
            name=" ".join((line.get("raw_text") or shown).split())[:_MAX_SHOWN],
            value=format(Decimal(str(changes["quantity"])).normalize(), "f"),
            shop=shown_shop,
            was=_text(read.get("quantity", line.get("quantity"))),
        )


def lessons_of_receipt(flat: Mapping[str, Any], correction: Mapping[str, Any]) -> Sequence[Lesson]:
    """Return what a correction of a receipt teaches: its fields, and the `line_items` that it has.

    Lines that were added, split or removed teach nothing; neither do values that stay as read.
    """
    shop = correction.get("merchant") or flat.get("merchant")
    lessons: list[Lesson] = []
    if correction.get("merchant") and correction["merchant"] != flat.get("merchant"):
        lessons += [
            Lesson(
                kind=CorrectionKind.MERCHANT,
                key=key,
                name=shown[:_MAX_SHOWN],
                value=correction["merchant"],
                was=_text(flat.get("merchant")),
            )
            for key, shown in taught_merchant_keys(flat).items()
        ]
    if correction.get("date") and correction["date"] != flat.get("date"):
        printed = str(flat.get("raw_ocr_text", "")).splitlines()
        orders = orders_of(printed, date.fromisoformat(correction["date"]))
        if len(orders) == 1:
            lessons.append(_of_shop(CorrectionKind.DATE_ORDER, orders.pop(), shop, None))
    if correction.get("currency") and correction["currency"] != flat.get("currency"):
        was = flat.get("currency")
        lessons.append(_of_shop(CorrectionKind.CURRENCY, correction["currency"], shop, was))
    lines = correction.get("line_items") or ()
    uses = Counter(line.get("line") for line in lines)
    for entry in lines:
        index = entry.get("line")
        if index is not None and uses[index] == 1:
            line = flat["line_items"][index]
            lessons += lessons_of_line(flat, line, changes_of(line, entry), shop)
    return lessons


def changes_of(line: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an entry of a correction says otherwise than the line of the reading."""
    match = line.get("match") or {}
    before = {
        "name": line.get("parsed_name"),
        "unit": line.get("unit"),
        "category": line.get("category"),
        "catalog_id": match.get("id"),
    }
    changes = {
        name: entry[name]
        for name, value in before.items()
        if name in entry and (entry[name] or None) != (value or None)
    }
    quantity = entry.get("quantity")
    if quantity is not None and Decimal(str(quantity)) != Decimal(str(line.get("quantity", 1))):
        changes["quantity"] = quantity
    return changes


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:_MAX_SHOWN]


def _of_shop(kind: CorrectionKind, value: str, shop: str | None, was: str | None) -> Lesson:
    return Lesson(
        kind=kind,
        key=shop_key(shop),
        name=(shop or "an unknown shop")[:_MAX_SHOWN],
        value=value,
        shop=shop and shop[:_MAX_SHOP],
        was=was,
    )
