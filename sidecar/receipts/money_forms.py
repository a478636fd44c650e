"""The forms in which a flat answer gives money: numbers, texts, or amounts with their currency."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from sidecar.receipts.models import unit_amount

MoneyForm = Literal["number", "object", "string"]
"""33.67, {"amount": "33.67", "currency": "USD"} or "33.67"."""


def with_money(flat: Mapping[str, Any], form: MoneyForm) -> Mapping[str, Any]:
    """Return a stored flat form, whose `total` and items' `price` are numbers, in another form."""
    if form == "number":
        return flat
    give = _as_object if form == "object" else _as_text
    total = flat["fields"]["total"]
    return {
        **flat,
        "total": None if total is None else give(total["amount"], total["currency"]),
        "items": [{**item, "price": _unit_price(item, give)} for item in flat["items"]],
    }


def with_default_currency(flat: Mapping[str, Any], default: str | None) -> Mapping[str, Any]:
    """Return a stored flat form with `currency_source`.

    A receipt without a currency gets `default`, if that is not None, everywhere; the source is then
    "default". Otherwise it is "reading", or None without a currency; a "correction" stays.
    """
    if flat["currency"] is not None:
        return {**flat, "currency_source": flat.get("currency_source") or "reading"}
    if default is None:
        return {**flat, "currency_source": None}
    changed = {
        name: _with_currency(flat[name], default) for name in ("items", "line_items", "fields")
    }
    return {**flat, **changed, "currency": default, "currency_source": "default"}


def _unit_price(item: Mapping[str, Any], give: Callable[[str, str | None], object]) -> object:
    total = item["total_price"]
    amount = unit_amount(Decimal(total["amount"]), Decimal(str(item["quantity"])))
    return give(format(amount, "f"), total["currency"])


def _as_object(amount: str, currency: str | None) -> Mapping[str, str | None]:
    return {"amount": amount, "currency": currency}


def _as_text(amount: str, currency: str | None) -> str:
    return amount


def _with_currency(value: Any, currency: str) -> Any:
    """Return the JSON value with the currency in every amount that has none."""
    if isinstance(value, list):
        return [_with_currency(entry, currency) for entry in value]
    if isinstance(value, Mapping):
        changed = {name: _with_currency(entry, currency) for name, entry in value.items()}
        if "amount" in changed and changed.get("currency") is None:
            changed["currency"] = currency
        return changed
    return value
