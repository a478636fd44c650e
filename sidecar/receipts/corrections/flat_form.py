"""Edits of a stored reading in its flat form, which keeps money as text and both forms of its lines."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sidecar.receipts.models import unit_amount

Line = Mapping[str, Any]
"""An entry of `line_items`."""


def amount(money: Mapping[str, Any] | None) -> Decimal | None:
    """Return the amount of a nested money, None without one."""
    return None if money is None else Decimal(money["amount"])


def money(value: Decimal, currency: str | None, confidence: float = 1.0) -> dict[str, Any]:
    """Return a nested money."""
    return {"amount": format(value, "f"), "currency": currency, "confidence": confidence}


def number(value: Decimal) -> int | float:
    """Return a quantity as the wire gives it."""
    return int(value) if value == value.to_integral_value() else float(value)


def with_quantity(line: Line, quantity: Decimal) -> dict[str, Any]:
    """Return the line with another quantity of the same total price."""
    total = Decimal(line["total_price"]["amount"])
    each = unit_amount(total, quantity)
    unit_price = {**line["unit_price"], "amount": format(each, "f")}
    return {**line, "quantity": number(quantity), "unit_price": unit_price}


def with_lines(flat: Mapping[str, Any], lines: Sequence[Line]) -> dict[str, Any]:
    """Return the reading with these lines, in `line_items` and in `items`."""
    return {**flat, "line_items": list(lines), "items": [_flat_item(line) for line in lines]}


def with_currency(value: Any, currency: str) -> Any:
    """Return the JSON value with the currency in every money."""
    if isinstance(value, list | tuple):
        return [with_currency(entry, currency) for entry in value]
    if isinstance(value, Mapping):
        changed = {name: with_currency(entry, currency) for name, entry in value.items()}
        return {**changed, "currency": currency} if "amount" in changed else changed
    return value


def with_field(
    flat: Mapping[str, Any], name: str, field: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the reading with another merchant, date, time, total, subtotal or tax."""
    fields = {**flat["fields"], name: field}
    confidences = [
        fields[key]["confidence"] if fields.get(key) else 0.0
        for key in ("merchant", "date", "total")
    ]
    changed: dict[str, Any] = {
        **flat,
        "fields": fields,
        "overall_confidence": round(sum(confidences) / len(confidences), 3),
    }
    if name in ("merchant", "date", "time"):
        changed[name] = field["name" if name == "merchant" else "value"] if field else None
    elif name == "total":
        changed["total"] = float(field["amount"]) if field else None
    return changed


def _flat_item(line: Line) -> dict[str, Any]:
    total, quantity = Decimal(line["total_price"]["amount"]), Decimal(str(line["quantity"]))
    rest = {name: line[name] for name in _BOTH_FORMS if name in line}
    return {
        "name": line["parsed_name"],
        "quantity": line["quantity"],
        "unit": line["unit"],
        "price": float(unit_amount(total, quantity)),
        "unit_price": line["unit_price"],
        "total_price": line["total_price"],
        "raw_text": line["raw_text"],
        "confidence": line["confidence"],
        **rest,
    }


_BOTH_FORMS = ("category", "category_confidence", "category_source", "source")
