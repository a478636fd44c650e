"""A receipt as a vision-language model tells it: the question, the answer's form, and its checks.

The model's word is worth what the arithmetic says: an amount that the rest explains is believed, and
what it alone claims is not.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sidecar.receipts.lines.amounts import cents
from sidecar.receipts.models import (
    Checks,
    Extraction,
    LineItem,
    Merchant,
    Money,
    ReceiptDate,
    ReceiptTime,
)
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.totals.totals import adds_up

MAX_ITEMS = 150

QUESTION = """Read this receipt. Answer with JSON:
merchant: the shop's name as printed; date: the day of the purchase as YYYY-MM-DD; time: its time as
HH:MM on 24 hours; currency: ISO 4217 if the receipt shows it; items: every thing bought, in order, each with its name, quantity,
unit if printed, unit_price, total_price as printed, and discount taken off that line (positive);
subtotal, tax, discount on the whole receipt (positive), rounding, and total: the amount paid for
the goods, not cash or change. Amounts are strings with a point, such as "12.90". What the receipt
does not show is null. Do not guess."""

_AMOUNT = {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,3})?$"}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_ITEM = _object(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "quantity": {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,3})?$"},
        "unit": _or_null({"type": "string", "maxLength": 10}),
        "unit_price": _or_null(_AMOUNT),
        "total_price": _AMOUNT,
        "discount": _or_null(_AMOUNT),
    }
)
#: What the engine is held to while it writes.
SCHEMA = _object(
    {
        "merchant": _or_null({"type": "string", "maxLength": 100}),
        "date": _or_null({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        "time": _or_null({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
        "currency": _or_null({"type": "string", "pattern": r"^[A-Z]{3}$"}),
        "items": {"type": "array", "items": _ITEM, "maxItems": MAX_ITEMS},
        "subtotal": _or_null(_AMOUNT),
        "tax": _or_null(_AMOUNT),
        "discount": _or_null(_AMOUNT),
        "rounding": _or_null(_AMOUNT),
        "total": _or_null(_AMOUNT),
    }
)

_Amount = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=12, decimal_places=3)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VlmItem(_Told):
    """A line as the model tells it."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    quantity: Annotated[_Amount, Field(ge=0)]
    unit: str | None
    unit_price: _Amount | None
    total_price: _Amount
    discount: _Amount | None


class VlmReceipt(_Told):
    """A receipt as the model tells it."""

    merchant: str | None
    date: str | None
    time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None
    currency: str | None
    items: Annotated[tuple[VlmItem, ...], Field(max_length=MAX_ITEMS)]
    subtotal: _Amount | None
    tax: _Amount | None
    discount: _Amount | None
    rounding: _Amount | None
    total: _Amount | None

    @field_validator("date")
    @classmethod
    def _a_day(cls, value: str | None) -> str | None:
        """The pattern lets days pass that no calendar has."""
        try:
            return value and date.fromisoformat(value).isoformat()
        except ValueError:
            return None


# What a claim is worth, proved by arithmetic or not. Not yet measured on receipts: set low enough
# that a field which OCR read with evidence of its own stays.
_PROVED = 0.95
_CLAIMED = 0.6
_TEXT = 0.85


def extraction_of(told: VlmReceipt, options: ReceiptOptions, pages: int) -> Extraction:
    """What the model told, with the checks that every reading goes through."""
    currency = told.currency or options.currency
    items_sum = sum((item.total_price - (item.discount or 0) for item in told.items), Decimal(0))
    proved = told.total is not None and adds_up(
        items_sum,
        told.total,
        told.tax,
        charges=Decimal(0),
        discounts=abs(told.discount or Decimal(0)),
        rounding=told.rounding or Decimal(0),
    )
    worth = _PROVED if proved else _CLAIMED

    def money(amount: Decimal | None, confidence: float = worth) -> Money | None:
        if amount is None:
            return None
        return Money(amount=cents(amount), currency=currency, confidence=confidence)

    merchant = told.merchant.strip() if told.merchant else ""
    day = ReceiptDate(value=told.date, confidence=_TEXT) if told.date else None
    fields = [_TEXT if merchant else 0.0, _TEXT if day else 0.0, worth if told.total else 0.0]
    return Extraction(
        merchant=Merchant(name=merchant, confidence=_TEXT) if merchant else None,
        date=day,
        time=ReceiptTime(value=told.time, confidence=_TEXT) if told.time else None,
        currency=currency,
        total=money(told.total),
        subtotal=money(told.subtotal),
        tax=money(told.tax),
        line_items=tuple(_item(item, currency, worth) for item in told.items),
        overall_confidence=round(sum(fields) / len(fields), 3),
        checks=Checks(
            items_sum=cents(items_sum),
            matches_total=proved,
            warnings=() if proved else ("The amounts that the vision model read do not add up.",),
        ),
        pages=pages,
    )


def _item(told: VlmItem, currency: str | None, worth: float) -> LineItem:
    quantity = told.quantity or Decimal(1)
    each = told.unit_price if told.unit_price is not None else told.total_price / quantity

    def money(amount: Decimal) -> Money:
        return Money(amount=cents(amount), currency=currency, confidence=worth)

    return LineItem(
        raw_text=told.name,
        parsed_name=told.name,
        quantity=quantity,
        unit=told.unit or None,
        unit_price=money(each),
        total_price=money(told.total_price),
        discount=money(abs(told.discount)) if told.discount else None,
        confidence=min(worth, _TEXT),
    )


Source = Literal["ocr", "vision"]
_SUMS = ("total", "subtotal", "tax")


def needs_second_read(flat: Mapping[str, Any], below: float) -> bool:
    """Whether a reading (in its flat form) deserves a second one."""
    fields = flat["fields"]
    return (
        not flat["checks"]["matches_total"]
        or any(fields[name] is None for name in ("merchant", "date", "total"))
        or flat["overall_confidence"] < below
    )


def merge_readings(
    ocr: Mapping[str, Any], vision: Mapping[str, Any], *, prefer: Source
) -> Mapping[str, Any]:
    """One reading of two, both in their flat form; `sources` says where each field is from.

    Merchant, date and time: the preferred engine's if it is "vision", else the surer one's. Amounts and
    line items stay together, for they prove each other: those that add up, if only one's do.
    """
    sources: dict[str, Source] = {}
    for name in ("merchant", "date", "time"):
        sources[name] = _more_confident(ocr["fields"][name], vision["fields"][name], prefer)
    adds_up = ocr["checks"]["matches_total"], vision["checks"]["matches_total"]
    amounts: Source = prefer
    if adds_up[0] != adds_up[1]:
        amounts = "ocr" if adds_up[0] else "vision"
    elif prefer == "ocr":
        amounts = _more_confident(ocr["fields"]["total"], vision["fields"]["total"], prefer)
    sources |= dict.fromkeys((*_SUMS, "line_items"), amounts)
    by_source = {"ocr": ocr, "vision": vision}
    fields = {name: by_source[sources[name]]["fields"][name] for name in ocr["fields"]}
    told = by_source[amounts]
    sure = [
        fields[name]["confidence"] if fields[name] else 0.0
        for name in ("merchant", "date", "total")
    ]
    return {
        **ocr,
        **{name: told[name] for name in ("total", "currency", "items", "line_items", "checks")},
        "merchant": fields["merchant"]["name"] if fields["merchant"] else None,
        "date": fields["date"]["value"] if fields["date"] else None,
        "time": fields["time"]["value"] if fields["time"] else None,
        "fields": fields,
        "overall_confidence": round(sum(sure) / len(sure), 3),
        "sources": sources,
    }


def _more_confident(
    ocr: Mapping[str, Any] | None, vision: Mapping[str, Any] | None, prefer: Source
) -> Source:
    if ocr is None or vision is None:
        return "ocr" if vision is None else "vision"
    if prefer == "vision":
        return "vision"
    return "vision" if vision["confidence"] > ocr["confidence"] else "ocr"
