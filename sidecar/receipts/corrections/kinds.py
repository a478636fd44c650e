"""The kinds of corrections, and a lesson: what a correction teaches about later readings."""

from dataclasses import dataclass
from enum import StrEnum


class CorrectionKind(StrEnum):
    """The attribute that a correction sets."""

    CATEGORY = "category"  # of a name
    CATALOG = "catalog"  # the product of a name
    NAME = "name"  # of a line of a shop, as are the next two
    QUANTITY = "quantity"
    UNIT = "unit"
    MERCHANT = "merchant"
    DATE_ORDER = "date_order"  # of a shop's receipts
    CURRENCY = "currency"  # of a shop's receipts


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A value for what has the key."""

    kind: CorrectionKind
    key: str
    name: str  # what is matched, as a person reads it
    value: str
    shop: str | None = None
    was: str | None = None  # the value as it was read
