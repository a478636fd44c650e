"""The data of a receipt, in the types that all stages and the wire share.

Money is `Decimal` and rejects floats; all values are immutable. `nested()` and `flat()` are the two
JSON forms of the wire contract.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("money is decimal, never a float")  # noqa: TRY004 - pydantic wants this
    return value


Amount = Annotated[Decimal, BeforeValidator(_no_float), Field(allow_inf_nan=False)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Money(_Value):
    """An amount in the unit of its currency (dollars, not cents); currency is ISO 4217 or None."""

    amount: Amount
    currency: str | None = None
    confidence: Confidence

    def nested(self) -> dict[str, object]:
        """Return {"amount": "87.43", "currency": "USD", "confidence": 0.97}."""
        return {
            "amount": format(self.amount, "f"),
            "currency": self.currency,
            "confidence": round(self.confidence, 3),
        }


class Merchant(_Value):
    """The shop's name in common use."""

    name: str
    confidence: Confidence


class ReceiptDate(_Value):
    """The date of the purchase, ISO 8601 (YYYY-MM-DD)."""

    value: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    confidence: Confidence


class ReceiptTime(_Value):
    """The time of the purchase in the shop's time zone, ISO 8601 (HH:MM or HH:MM:SS)."""

    value: Annotated[str, Field(pattern=r"^\d{2}:\d{2}(:\d{2})?$")]
    confidence: Confidence


class Match(_Value):
    """The catalog item that a line item matches."""

    id: str
    confidence: Confidence
    strategy: Literal["exact", "normalised", "synonym", "fuzzy", "semantic"]


class LineItem(_Value):
    """One article bought. `total_price` is the line as printed, before its own `discount`."""

    raw_text: str
    parsed_name: str
    quantity: Annotated[Amount, Field(gt=0)]
    unit: str | None = None
    unit_price: Money
    total_price: Money
    discount: Money | None = None
    """A positive amount."""
    confidence: Confidence
    match: Match | None = None

    def nested(self) -> dict[str, object]:
        """Return an entry of the wire's `line_items`, with `match` only if there is one."""
        line: dict[str, object] = {
            "raw_text": self.raw_text,
            "parsed_name": self.parsed_name,
            "quantity": _number(self.quantity),
            "unit": self.unit,
            "unit_price": self.unit_price.nested(),
            "total_price": self.total_price.nested(),
            "discount": self.discount.nested() if self.discount else None,
            "confidence": self.confidence,
        }
        if self.match is not None:
            line["match"] = self.match.model_dump()
        return line

    def flat(self) -> dict[str, object]:
        """Return an entry of the wire's `items`; price is of one unit, price * quantity = total."""
        return {
            "name": self.parsed_name,
            "quantity": _number(self.quantity),
            "unit": self.unit,
            "price": float(unit_amount(self.total_price.amount, self.quantity)),
            "unit_price": self.unit_price.nested(),
            "total_price": self.total_price.nested(),
            "raw_text": self.raw_text,
            "confidence": self.confidence,
        }


class Checks(_Value):
    """Whether the receipt adds up, and warnings for a person."""

    items_sum: Amount = Decimal("0.00")
    """Line items less their discounts."""
    matches_total: bool = False
    """The items, with tax, charges, discounts and rounding, add up to the total."""
    warnings: tuple[str, ...] = ()


class OcrLine(_Value):
    """A recognized piece of text with its position on the page."""

    SCALE: ClassVar[int] = 10_000

    page: Annotated[int, Field(ge=0)]
    box: tuple[int, ...]
    """x and y of its four corners, clockwise from the start of its text, in units of 1/SCALE of the
    page's width and height. The page is that of the file, rotated only by its EXIF orientation.
    """
    text: str
    confidence: Confidence


class Extraction(_Value):
    """The result of reading a receipt. A field that the receipt does not show is None."""

    merchant: Merchant | None = None
    date: ReceiptDate | None = None
    time: ReceiptTime | None = None
    currency: str | None = None
    currency_confidence: Confidence = 0.0
    language: str | None = None
    """ISO 639-1 code."""
    total: Money | None = None
    subtotal: Money | None = None
    tax: Money | None = None
    line_items: tuple[LineItem, ...] = ()
    raw_ocr_text: str = ""
    ocr_lines: tuple[OcrLine, ...] = ()
    """Empty for the text layer of a PDF."""
    overall_confidence: Confidence = 0.0
    checks: Checks = Checks()
    adds_up: bool = False
    """Some reading of the items comes to the total, if not surely the right one; not on the wire."""
    pages: Annotated[int, Field(ge=1)] = 1

    @property
    def dedup_key(self) -> str | None:
        """Merchant, date and total, which all receipts of one purchase share; None without all."""
        if self.merchant is None or self.date is None or self.total is None:
            return None
        name = "".join(char for char in self.merchant.name.upper() if char.isalnum())
        return f"{name[:100]} {self.date.value} {self.total.amount}"

    def nested(self) -> dict[str, object]:
        """Return the contract's nested form, ready for JSON: amounts are strings."""
        return {
            **self._fields(),
            "currency": self.currency,
            "line_items": [item.nested() for item in self.line_items],
            **self._common(),
        }

    def flat(self) -> dict[str, object]:
        """Return the contract's flat form: bare fields, `total` a number, `items` priced by the
        unit; `fields` has the fields with their confidences, as the nested form does.
        """
        return {
            "merchant": self.merchant.name if self.merchant else None,
            "date": self.date.value if self.date else None,
            "time": self.time.value if self.time else None,
            "total": float(self.total.amount) if self.total else None,
            "currency": self.currency,
            "items": [item.flat() for item in self.line_items],
            "line_items": [item.nested() for item in self.line_items],
            "fields": self._fields(),
            **self._common(),
        }

    def _fields(self) -> dict[str, object]:
        return {
            "merchant": self.merchant.model_dump() if self.merchant else None,
            "date": self.date.model_dump() if self.date else None,
            "time": self.time.model_dump() if self.time else None,
            "total": self.total.nested() if self.total else None,
            "subtotal": self.subtotal.nested() if self.subtotal else None,
            "tax": self.tax.nested() if self.tax else None,
        }

    def _common(self) -> dict[str, object]:
        return {
            "currency_confidence": self.currency_confidence,
            "language": self.language,
            "raw_ocr_text": self.raw_ocr_text,
            "ocr_lines": [line.model_dump() for line in self.ocr_lines],
            "overall_confidence": self.overall_confidence,
            "checks": {
                "items_sum": format(self.checks.items_sum, "f"),
                "matches_total": self.checks.matches_total,
                "warnings": list(self.checks.warnings),
            },
            "pages": self.pages,
        }


def unit_amount(total: Decimal, quantity: Decimal) -> Decimal:
    """Return the price of one unit with as few decimals as still give `total` for `quantity`.

    It has at least the decimals of `total` and at most six more. Of a quantity of 0 it is `total`.
    """
    if not quantity:
        return total
    exact = total / quantity
    exponent = int(total.as_tuple().exponent)
    for places in range(-min(exponent, 0), 6 - exponent):
        price = round(exact, places)
        if round(price * quantity, -exponent) == total:
            return price
    return round(exact, 6 - exponent)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def nested_from_flat(flat: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the nested form of a stored flat form."""
    flat_only = {"fields", "items"}
    rest = {name: value for name, value in flat.items() if name not in flat_only}
    return {**rest, **flat["fields"]}


UNKNOWN_SCRIPT: Final = "Much of the text is in a script that this service does not read."
"""The warning about a receipt whose words only a vision model can read."""


def is_in_unknown_script(flat: Mapping[str, Any]) -> bool:
    """Return whether OCR can't read the script of a receipt (flat form)."""
    return UNKNOWN_SCRIPT in flat["checks"]["warnings"]


def with_warning(flat: Mapping[str, Any], warning: str) -> Mapping[str, Any]:
    """Return a stored flat form with one more warning."""
    checks = flat["checks"]
    return {**flat, "checks": {**checks, "warnings": [*checks["warnings"], warning]}}
