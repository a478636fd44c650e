"""Rows of text to an Extraction: a pure function, whatever read the text."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sidecar.receipts.catalog.matching import Catalog, matched
from sidecar.receipts.fields.dates import date_of
from sidecar.receipts.fields.locale import country_of, writing_of
from sidecar.receipts.fields.merchant import chain_of, merchant_of
from sidecar.receipts.fields.times import time_of
from sidecar.receipts.items.draft import DraftItem
from sidecar.receipts.items.item_region import regions_of
from sidecar.receipts.items.items import items_of
from sidecar.receipts.lines.amounts import cents
from sidecar.receipts.lines.lines import ReceiptLines, lines_from_rows
from sidecar.receipts.models import Checks, Extraction, LineItem, Money
from sidecar.receipts.ocr.layout import Row
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.totals.reconcile import reconcile
from sidecar.receipts.totals.totals import ScoredAmount, Summary, adds_up, summary_of

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
    writing = writing_of(options.language)
    receipt = lines_from_rows(rows, writing.mark or ".")
    chain = chain_of(receipt)
    country = country_of(receipt.text, options.currency, chain.currency if chain else None)
    date, date_warnings = date_of(
        receipt, options.date_order, country.date_order or writing.date_order
    )
    day = datetime.date.fromisoformat(date.value) if date else None
    drafts, summary, corrections = _sums_of(receipt)
    merchant = merchant_of(receipt, chain)
    items_sum = _sum(drafts)
    matches, arithmetic_warnings = _adds_up(items_sum, summary)
    items = tuple(_item(draft, country.currency, adds_up=matches) for draft in drafts)
    if options.catalog:
        from sidecar.text.product_names import expand

        items = matched(items, Catalog(options.catalog, expand))
    fields = [
        merchant.confidence if merchant else 0.0,
        date.confidence if date else 0.0,
        summary.total.confidence if summary.total else 0.0,
    ]
    return Extraction(
        merchant=merchant,
        date=date,
        time=time_of(receipt, day),
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
            warnings=(*warnings, *date_warnings, *corrections, *arithmetic_warnings),
        ),
        pages=pages,
    )


def _sums_of(receipt: ReceiptLines) -> tuple[tuple[DraftItem, ...], Summary, tuple[str, ...]]:
    """The items, the summary and what was corrected, by the end of the items with which they agree
    best; if they agree by none, by the likeliest.
    """
    tried: list[tuple[tuple[DraftItem, ...], Summary]] = []
    for start, end in regions_of(receipt.lines):
        drafts = items_of(receipt, start, end)
        summary = summary_of(receipt, drafts, end)
        if not tried or summary.total == tried[0][1].total or "total" in summary.witnesses:
            tried.append((drafts, summary))
    drafts, summary = max(tried, key=lambda found: _agreement(*found))
    if _agreement(drafts, summary):
        return drafts, summary, ()
    drafts, summary = tried[0]
    solved = reconcile(drafts, summary)
    return solved.drafts, summary, solved.corrections


def _agreement(drafts: Sequence[DraftItem], summary: Summary) -> int:
    """0 for items that don't come to the total; more, the less is needed to explain it."""
    items = _sum(drafts)
    if not _adds_up(items, summary)[0]:
        return 0
    if not _adds_up(items, replace(summary, others=()))[0]:
        return 1
    return 3 if summary.subtotal is not None and summary.subtotal.value == items else 2


def _sum(drafts: Sequence[DraftItem]) -> Decimal:
    return sum((draft.net for draft in drafts), Decimal("0.00"))


def _adds_up(items_sum: Decimal, summary: Summary) -> tuple[bool, tuple[str, ...]]:
    if summary.total is None:
        return False, ("No total was found.",)
    total = summary.total.value
    tax = summary.tax.value if summary.tax else None
    parts = (summary.charges, summary.discounts, summary.rounding, summary.others)
    if adds_up(items_sum, total, tax, *parts):
        return True, ()
    return False, (f"The line items come to {items_sum}, {total - items_sum} off the total.",)


# What the recogniser's own confidence is worth, by evidence: the shares of right lines on scans of
# real receipts, so that of what is given at 0.9 or more, 95 % is right.
_UNPROVED_SUM = 0.7  # the receipt does not add up: some line is wrong
_CODED_NAME = 0.8  # digits and signs in a name are often codes, or sizes misread
_BROKEN_NAME = 0.8  # a name put together of three lines or more
_NAME = 0.92
_PLAIN_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ '&/().-]){3,}")


def _item(draft: DraftItem, currency: str | None, *, adds_up: bool) -> LineItem:
    price = draft.total.confidence * (1.0 if adds_up else _UNPROVED_SUM)
    name = _NAME * draft.name_confidence
    name *= 1.0 if _PLAIN_NAME.fullmatch(draft.name) else _CODED_NAME
    name *= _BROKEN_NAME if len(draft.raw) > 2 else 1.0
    total = Money(amount=draft.total.value, currency=currency, confidence=round(price, 3))
    each = draft.unit_price
    if each is None:
        each = cents(draft.total.value / draft.quantity)
    certain = round(price if draft.proved else 0.9 * price, 3)
    return LineItem(
        raw_text="\n".join(draft.raw),
        parsed_name=draft.name,
        quantity=draft.quantity,
        unit=draft.unit,
        unit_price=Money(amount=each, currency=currency, confidence=certain),
        total_price=total,
        discount=None
        if not draft.reductions
        else Money(amount=draft.discount, currency=currency, confidence=total.confidence),
        confidence=round(min(price, name), 3),
    )


def _money(pick: ScoredAmount | None, currency: str | None) -> Money | None:
    if pick is None:
        return None
    return Money(amount=pick.value, currency=currency, confidence=pick.confidence)
