"""The reading as people corrected it: their corrections applied to what was read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sidecar.receipts.corrections import flat_form

_SUMS = ("total", "subtotal", "tax")


def reviewed_reading(
    flat: Mapping[str, Any], corrections: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return the flat form with the corrections of a receipt or its lines, oldest first.

    A line has the position `line` that it was read at, None where it was added.
    """
    original = [{**line, "line": index} for index, line in enumerate(flat["line_items"])]
    reading = flat_form.with_lines(flat, original)
    for correction in corrections:
        if "line" in correction:
            lines = [
                _edited(line, correction, reading["currency"])
                if line["line"] == correction["line"]
                else line
                for line in reading["line_items"]
            ]
            reading = flat_form.with_lines(reading, lines)
        else:
            reading = _with_correction(reading, correction, original)
    return _with_checks(flat, reading)


def _with_correction(
    reading: dict[str, Any], correction: Mapping[str, Any], original: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    code = correction.get("currency")
    if code and code != reading["currency"]:
        parts = {
            name: flat_form.with_currency(reading[name], code)
            for name in ("fields", "line_items", "items")
        }
        reading = {**reading, **parts, "currency": code, "currency_source": "correction"}
    for name in ("merchant", "date", "time"):
        if name in correction and correction[name] != reading.get(name):
            key = "name" if name == "merchant" else "value"
            value = correction[name]
            field = None if value is None else {key: value, "confidence": 1.0}
            reading = flat_form.with_field(reading, name, field)
    for name in _SUMS:
        if name in correction:
            value = correction[name]
            before = flat_form.amount(reading["fields"].get(name))
            if value is None or before is None or Decimal(str(value)) != before:
                field = (
                    None
                    if value is None
                    else flat_form.money(Decimal(str(value)), reading["currency"])
                )
                reading = flat_form.with_field(reading, name, field)
    if "line_items" in correction:
        lines = [_line(entry, original, reading["currency"]) for entry in correction["line_items"]]
        reading = flat_form.with_lines(reading, lines)
    return reading


def _line(
    entry: Mapping[str, Any], original: Sequence[Mapping[str, Any]], currency: str | None
) -> dict[str, Any]:
    index = entry.get("line")
    if index is not None:
        return _edited(original[index], entry, currency)
    total = flat_form.money(Decimal(str(entry["total_price"])), currency)
    blank = {
        "raw_text": "",
        "parsed_name": "",
        "quantity": 1,
        "unit": None,
        "unit_price": total,
        "total_price": total,
        "discount": None,
        "confidence": 1.0,
        "line": None,
    }
    return _edited(blank, entry, currency)


def _edited(
    line: Mapping[str, Any], entry: Mapping[str, Any], currency: str | None
) -> dict[str, Any]:
    """Return the line with the values of the entry; what is as read keeps its confidence."""
    changed = dict(line)
    if entry.get("name") is not None:
        changed["parsed_name"] = entry["name"]
    for name in ("unit", "category"):
        if name in entry:
            changed[name] = entry[name]
    if entry.get("catalog_id") is not None:
        changed["match"] = {"id": entry["catalog_id"], "confidence": 1.0, "strategy": "synonym"}
    for name in ("total_price", "discount"):
        if name in entry:
            value = None if entry[name] is None else Decimal(str(entry[name]))
            if value is not None and value != flat_form.amount(changed[name]):
                changed[name] = flat_form.money(value, currency)
            elif value is None and name == "discount":
                changed[name] = None
    quantity = Decimal(str(entry.get("quantity") or changed["quantity"]))
    if quantity != Decimal(str(line["quantity"])) or changed["total_price"] != line["total_price"]:
        changed = flat_form.with_quantity(changed, quantity)
    if changed != line:
        changed = {**changed, "confidence": 1.0, "source": "correction"}
    return changed


def _with_checks(flat: Mapping[str, Any], reading: dict[str, Any]) -> Mapping[str, Any]:
    """Return the reading with its sum checked anew, if its amounts changed."""
    before, after = _sums(flat), _sums(reading)
    if before == after:
        return reading
    items, tax, total = after
    known = total is not None and (
        items == total
        or (tax is not None and items + tax == total)
        or (
            flat["checks"]["matches_total"]
            and before[2] is not None
            and items - before[0] == total - before[2]
        )
    )
    checks = {
        **reading["checks"],
        "items_sum": format(items, "f"),
        "matches_total": known,
        "warnings": [] if known else reading["checks"]["warnings"],
    }
    return {**reading, "checks": checks}


def _sums(flat: Mapping[str, Any]) -> tuple[Decimal, Decimal | None, Decimal | None]:
    """Return the sum of the lines less their discounts, the tax and the total."""
    items = sum(
        (
            Decimal(line["total_price"]["amount"]) - (flat_form.amount(line["discount"]) or 0)
            for line in flat["line_items"]
        ),
        Decimal(0),
    )
    fields = flat["fields"]
    return items, flat_form.amount(fields.get("tax")), flat_form.amount(fields.get("total"))
