"""Rows of text to an Extraction: a pure function, whatever read the text."""

from collections.abc import Sequence
from decimal import Decimal

from jobs.receipts.amounts import cents
from jobs.receipts.arithmetic import solve
from jobs.receipts.country import country_of
from jobs.receipts.dates import date_of
from jobs.receipts.extraction import Checks, Extraction, LineItem, Money
from jobs.receipts.items import Draft, items_of
from jobs.receipts.lines import receipt_of
from jobs.receipts.matching import Catalog, matched
from jobs.receipts.merchant import merchant_of
from jobs.receipts.options import ReceiptOptions
from jobs.receipts.rows import Row
from jobs.receipts.summary import Pick, Summary, explains, summary_of

_NO_TEXT = "No text was found in the image."


def parse(
    rows: Sequence[Row],
    options: ReceiptOptions,
    pages: int = 1,
    warnings: Sequence[str] = (),
) -> Extraction:
    """What the rows of a receipt say; `warnings` of earlier stages go first. Never raises."""
    if not rows:
        return Extraction(pages=pages, checks=Checks(warnings=(*warnings, _NO_TEXT)))
    receipt = receipt_of(rows)
    country = country_of(receipt.text, options.currency)
    date, date_warnings = date_of(receipt, options.date_order, country.date_order)
    drafts, end = items_of(receipt)
    summary = summary_of(receipt, drafts, end)
    solved = solve(drafts, summary)
    drafts = solved.drafts
    merchant = merchant_of(receipt)
    items = tuple(_item(draft, country.currency) for draft in drafts)
    if options.catalog:
        items = matched(items, Catalog(options.catalog))
    items_sum = sum((draft.net for draft in drafts), Decimal("0.00"))
    matches, arithmetic_warnings = _adds_up(items_sum, summary)
    fields = [
        merchant.confidence if merchant else 0.0,
        date.confidence if date else 0.0,
        summary.total.confidence if summary.total else 0.0,
    ]
    return Extraction(
        merchant=merchant,
        date=date,
        currency=country.currency,
        total=_money(summary.total, country.currency),
        subtotal=_money(summary.subtotal, country.currency),
        tax=_money(summary.tax, country.currency),
        line_items=items,
        raw_ocr_text=receipt.text,
        overall_confidence=round(sum(fields) / len(fields), 3),
        checks=Checks(
            items_sum=items_sum,
            matches_total=matches,
            warnings=(*warnings, *date_warnings, *solved.corrections, *arithmetic_warnings),
        ),
        pages=pages,
    )


def _adds_up(items_sum: Decimal, summary: Summary) -> tuple[bool, tuple[str, ...]]:
    if summary.total is None:
        return False, ("No total was found.",)
    total = summary.total.value
    tax = summary.tax.value if summary.tax else None
    parts = (summary.charges, summary.discounts, summary.rounding)
    if explains(items_sum, total, tax, *parts):
        return True, ()
    return False, (f"The line items come to {items_sum}, {total - items_sum} off the total.",)


def _item(draft: Draft, currency: str | None) -> LineItem:
    confidence = round(min(draft.total.confidence, draft.name_confidence), 3)
    total = Money(amount=draft.total.value, currency=currency, confidence=draft.total.confidence)
    unit_price = (
        draft.unit_price
        if draft.unit_price is not None
        else cents(draft.total.value / draft.quantity)
    )
    return LineItem(
        raw_text="\n".join(draft.raw),
        parsed_name=draft.name,
        quantity=draft.quantity,
        unit=draft.unit,
        unit_price=Money(amount=unit_price, currency=currency, confidence=confidence),
        total_price=total,
        discount=Money(amount=draft.discount, currency=currency, confidence=confidence)
        if draft.discount is not None
        else None,
        confidence=confidence,
    )


def _money(pick: Pick | None, currency: str | None) -> Money | None:
    if pick is None:
        return None
    return Money(amount=pick.value, currency=currency, confidence=pick.confidence)
