"""The two JSON forms of an extraction, as types: what `models.py` builds and later stages add to.

Fields that are `NotRequired` come from later stages, and may be missing in older stored results.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from sidecar.receipts.models import Match

FieldSource = Literal["ocr", "vision", "correction"]


class MoneyForm(TypedDict):
    """An amount with its currency and its confidence."""

    amount: str
    currency: str | None
    confidence: float


class PlainMoney(TypedDict):
    """An amount with its currency."""

    amount: str
    currency: str | None


class MerchantForm(TypedDict):
    """The shop's name; with `read`, what was read where a correction replaced it."""

    name: str
    confidence: float
    read: NotRequired[str | None]
    read_confidence: NotRequired[float]


class ValueForm(TypedDict):
    """A date or a time."""

    value: str
    confidence: float


class _LineAdditions(TypedDict):
    category: NotRequired[str | None]
    category_confidence: NotRequired[float]
    category_source: NotRequired[Literal["classifier", "correction"]]
    source: NotRequired[Literal["correction"]]


class NestedLine(_LineAdditions):
    """A line item."""

    raw_text: str
    parsed_name: str
    quantity: float
    unit: str | None
    unit_price: MoneyForm
    total_price: MoneyForm
    discount: MoneyForm | None
    confidence: float
    match: NotRequired[Match]
    read: NotRequired[dict[str, str | float | None]]
    line: NotRequired[int | None]


class FlatItem(_LineAdditions):
    """A line item with the price of one unit."""

    name: str
    quantity: float
    unit: str | None
    price: float | PlainMoney | str
    unit_price: MoneyForm
    total_price: MoneyForm
    raw_text: str
    confidence: float


class ReceiptFields(TypedDict):
    """The fields with their confidences; null where the receipt shows none."""

    merchant: MerchantForm | None
    date: ValueForm | None
    time: ValueForm | None
    total: MoneyForm | None
    subtotal: MoneyForm | None
    tax: MoneyForm | None


class RecognizedLine(TypedDict):
    """A recognized piece of text with its position on the page."""

    page: int
    box: list[int]
    text: str
    confidence: float


class ChecksForm(TypedDict):
    """Whether the receipt adds up, and warnings for a person."""

    items_sum: str
    matches_total: bool
    warnings: list[str]


class AppliedCorrection(TypedDict):
    """A correction of an earlier receipt that changed this one."""

    id: str
    kind: str
    line: int | None
    was: str | float | None
    value: str


class _Common(TypedDict):
    currency: str | None
    currency_confidence: float
    currency_source: NotRequired[Literal["reading", "default", "correction"] | None]
    language: str | None
    line_items: list[NestedLine]
    raw_ocr_text: str
    ocr_lines: list[RecognizedLine]
    overall_confidence: float
    checks: ChecksForm
    pages: int
    sources: NotRequired[dict[str, FieldSource]]
    corrections: NotRequired[list[AppliedCorrection]]
    duplicate_of: NotRequired[str]


class NestedExtraction(_Common, ReceiptFields):
    """A receipt, each field with its confidence."""


class FlatExtraction(_Common):
    """A receipt with bare fields; `fields` has their confidences."""

    merchant: str | None
    date: str | None
    time: str | None
    total: float | PlainMoney | str | None
    items: list[FlatItem]
    fields: ReceiptFields
