"""The receipt that the stub reads in every image: samples/receipt.jpg, shortened."""

from decimal import Decimal

from sidecar.receipts.models import (
    Checks,
    Extraction,
    LineItem,
    Merchant,
    Money,
    ReceiptDate,
    ReceiptTime,
)

_ITEMS = (
    ("ORGANIC WHOLE MILK 1GL", "1", None, "5.49", "5.49"),
    ("SOURDOUGH BREAD", "1", None, "4.25", "4.25"),
    ("BANANAS", "2.36", "lb", "0.59", "1.39"),
)
_TOTAL = "11.13"


def _money(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD", confidence=0.98)


def canned_receipt() -> Extraction:
    """Return an extraction that adds up."""
    return Extraction(
        merchant=Merchant(name="GREEN VALLEY MARKET", confidence=0.97),
        date=ReceiptDate(value="2026-01-17", confidence=0.99),
        time=ReceiptTime(value="14:32", confidence=0.95),
        currency="USD",
        currency_confidence=0.96,
        total=_money(_TOTAL),
        subtotal=_money(_TOTAL),
        line_items=tuple(
            LineItem(
                raw_text=f"{name} {total}",
                parsed_name=name,
                quantity=Decimal(quantity),
                unit=unit,
                unit_price=_money(each),
                total_price=_money(total),
                confidence=0.95,
            )
            for name, quantity, unit, each, total in _ITEMS
        ),
        raw_ocr_text="\n".join(["GREEN VALLEY MARKET", *(name for name, *_ in _ITEMS)]),
        overall_confidence=0.98,
        checks=Checks(items_sum=Decimal(_TOTAL), matches_total=True),
    )


def unreadable_receipt() -> Extraction:
    """Return what is left of a photograph on which nothing can be read."""
    return Extraction(checks=Checks(warnings=("No text was found on the image.",)))
