"""Applies lessons to a reading: the tenant's corrections come before what was read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from sidecar.receipts.corrections import flat_form
from sidecar.receipts.corrections.kinds import CorrectionKind
from sidecar.receipts.corrections.lessons import (
    merchant_keys,
    name_line_key,
    quantity_line_key,
    shop_keys,
)
from sidecar.receipts.fields.cldr import Order
from sidecar.receipts.fields.purchase_date import date_of

Keys = Mapping[CorrectionKind, Sequence[str]]
Known = Mapping[tuple[CorrectionKind, str], tuple[str, str]]
"""The id and the value of the lesson with a kind and a key."""


def shop_lookup(flat: Mapping[str, Any]) -> Keys:
    """Return the keys that tell which shop a receipt is of, the best first."""
    return {CorrectionKind.MERCHANT: list(merchant_keys(flat))}


def lookup(flat: Mapping[str, Any]) -> Keys:
    """Return the keys of all other lessons about a reading whose shop is known."""
    shops, lines = shop_keys(flat), flat["line_items"]
    names = [name_line_key(shop, line) for line in lines for shop in shops]
    return {
        CorrectionKind.NAME: names,
        CorrectionKind.UNIT: names,
        CorrectionKind.QUANTITY: [
            quantity_line_key(shop, line) for line in lines for shop in shops
        ],
        CorrectionKind.CURRENCY: shops,
        CorrectionKind.DATE_ORDER: shops,
    }


def with_shop(flat: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """Return the reading with the merchant as the tenant corrected it."""
    found = _first(CorrectionKind.MERCHANT, merchant_keys(flat), known)
    if found is None:
        return flat
    before = flat["fields"]["merchant"]
    field = {
        "name": found[1],
        "confidence": 1.0,
        "read": before["name"] if before else None,
        "read_confidence": before["confidence"] if before else 0.0,
    }
    changed = _with_source(flat_form.with_field(flat, "merchant", field), "merchant")
    return _applied(changed, found, CorrectionKind.MERCHANT, was=field["read"])


def with_lessons(flat: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """Return the reading with the shop's currency, its order of dates, and its lines as corrected."""
    shops = shop_keys(flat)
    for kind, apply in (
        (CorrectionKind.CURRENCY, _with_currency),
        (CorrectionKind.DATE_ORDER, _with_date_order),
    ):
        if found := _first(kind, shops, known):
            flat = apply(flat, found)
    lines = []
    for index, line in enumerate(flat["line_items"]):
        changed = dict(line)
        names = [name_line_key(shop, line) for shop in shops]
        quantities = [quantity_line_key(shop, line) for shop in shops]
        for kind, keys in (
            (CorrectionKind.NAME, names),
            (CorrectionKind.UNIT, names),
            (CorrectionKind.QUANTITY, quantities),
        ):
            field = "parsed_name" if kind is CorrectionKind.NAME else kind.value
            found = _first(kind, keys, known)
            if found is None or str(line[field] or "") == found[1]:
                continue
            if kind is CorrectionKind.QUANTITY:
                changed = flat_form.with_quantity(changed, Decimal(found[1]))
            else:
                changed[field] = found[1] or None
            changed["source"] = "correction"
            changed["read"] = {**changed.get("read", {}), kind.value: line[field]}
            flat = _applied(flat, found, kind, was=line[field], line=index)
        lines.append(changed)
    return flat_form.with_lines(flat, lines)


def _with_currency(flat: Mapping[str, Any], found: tuple[str, str]) -> Mapping[str, Any]:
    was, code = flat["currency"], found[1]
    if was == code:
        return flat
    parts = {
        name: flat_form.with_currency(flat[name], code)
        for name in ("fields", "items", "line_items")
    }
    changed = {
        **flat,
        **parts,
        "currency": code,
        "currency_confidence": 1.0,
        "currency_source": "correction",
    }
    return _applied(changed, found, CorrectionKind.CURRENCY, was=was)


def _with_date_order(flat: Mapping[str, Any], found: tuple[str, str]) -> Mapping[str, Any]:
    lines = flat["raw_ocr_text"].splitlines()
    date, warnings = date_of(lines, cast(Order, found[1]))
    before = flat["fields"]["date"]
    if date is None or (before and before["value"] == date.value):
        return flat
    _, outdated = date_of(lines)
    checks = flat["checks"]
    kept = [text for text in checks["warnings"] if text not in outdated or text in warnings]
    changed = flat_form.with_field(flat, "date", date.model_dump())
    changed["checks"] = {**checks, "warnings": kept}
    was = before["value"] if before else None
    return _applied(_with_source(changed, "date"), found, CorrectionKind.DATE_ORDER, was=was)


def _first(kind: CorrectionKind, keys: Iterable[str], known: Known) -> tuple[str, str] | None:
    return next((known[kind, key] for key in keys if (kind, key) in known), None)


def _with_source(flat: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {**flat, "sources": {**flat.get("sources", {}), field: "correction"}}


def _applied(
    flat: Mapping[str, Any],
    found: tuple[str, str],
    kind: CorrectionKind,
    *,
    was: object,
    line: int | None = None,
) -> dict[str, Any]:
    """Return the reading with one more entry of `corrections`."""
    entry = {"id": found[0], "kind": kind.value, "line": line, "was": was, "value": found[1]}
    return {**flat, "corrections": [*flat.get("corrections", ()), entry]}
