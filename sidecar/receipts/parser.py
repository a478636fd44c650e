"""Parses rows of text into an Extraction: a pure function, whatever the source of the text."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sidecar.receipts.catalog.matching import Catalog, with_matches
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
from sidecar.receipts.totals.reconcile import Reconciliation, reconcile
from sidecar.receipts.totals.totals import ScoredAmount, Summary, adds_up, summary_of

_NO_TEXT = "No text was found in the image."

# Factors on the recognizer's confidence by evidence: the shares of correct lines on scans of real
# receipts, so that of the values with a confidence of 0.9 or more, 95 % are correct.
_UNPROVED_SUM = 0.7  # the receipt does not add up: some line is wrong
_CODED_NAME = 0.8  # digits and signs in a name are often codes, or sizes misread
_BROKEN_NAME = 0.8  # a name of three lines or more
_NAME = 0.92
_PLAIN_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ '&/().-]){3,}")


def parse(
    rows: Sequence[Row], options: ReceiptOptions, pages: int = 1, warnings: Sequence[str] = ()
) -> Extraction:
    """Return the extraction of a receipt's rows. `warnings` of earlier stages come first."""
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
    reconciled, summary = _reconcile(receipt)
    merchant = merchant_of(receipt, chain)
    items_sum = _sum(reconciled.drafts)
    matches_total = _adds_up(items_sum, summary)
    items = tuple(
        _item(draft, country.currency, adds_up=matches_total) for draft in reconciled.drafts
    )
    if options.catalog:
        from sidecar.text.product_names import expand

        items = with_matches(items, Catalog(options.catalog, expand))
    fields = (merchant, date, summary.total)
    confidences = [field.confidence if field else 0.0 for field in fields]
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
        overall_confidence=round(sum(confidences) / len(confidences), 3),
        checks=Checks(
            items_sum=items_sum,
            matches_total=matches_total,
            warnings=(
                *warnings,
                *date_warnings,
                *reconciled.corrections,
                *(() if matches_total else (_sum_warning(items_sum, summary),)),
            ),
        ),
        pages=pages,
    )


def _reconcile(receipt: ReceiptLines) -> tuple[Reconciliation, Summary]:
    """Return the items and summary that agree best, else the likeliest ones, reconciled."""
    candidates: list[tuple[tuple[DraftItem, ...], Summary]] = []
    for start, end in regions_of(receipt.lines):
        drafts = items_of(receipt, start, end)
        summary = summary_of(receipt, drafts, end)
        if not candidates or summary.total == candidates[0][1].total or "total" in summary.evidence:
            candidates.append((drafts, summary))
    drafts, summary = max(candidates, key=lambda candidate: _agreement(*candidate))
    if _agreement(drafts, summary):
        return Reconciliation(drafts), summary
    drafts, summary = candidates[0]
    return reconcile(drafts, summary), summary


def _agreement(drafts: Sequence[DraftItem], summary: Summary) -> int:
    """Return 0 for items that do not add up to the total, or up to 3 the fewer parts it takes."""
    items = _sum(drafts)
    if not _adds_up(items, summary):
        return 0
    if not _adds_up(items, replace(summary, parts=replace(summary.parts, others=()))):
        return 1
    return 3 if summary.subtotal is not None and summary.subtotal.value == items else 2


def _sum(drafts: Sequence[DraftItem]) -> Decimal:
    return sum((draft.net for draft in drafts), Decimal("0.00"))


def _adds_up(items_sum: Decimal, summary: Summary) -> bool:
    return summary.total is not None and adds_up(items_sum, summary.total.value, summary.parts)


def _sum_warning(items_sum: Decimal, summary: Summary) -> str:
    if summary.total is None:
        return "No total was found."
    gap = summary.total.value - items_sum
    return f"The line items come to {items_sum}, {gap} off the total."


def _item(draft: DraftItem, currency: str | None, *, adds_up: bool) -> LineItem:
    price = draft.total.confidence * (1.0 if adds_up else _UNPROVED_SUM)
    name = _NAME * draft.name_confidence
    name *= 1.0 if _PLAIN_NAME.fullmatch(draft.name) else _CODED_NAME
    name *= _BROKEN_NAME if len(draft.raw) > 2 else 1.0
    each = draft.unit_price
    if each is None:
        each = cents(draft.total.value / draft.quantity)

    def money(amount: Decimal, confidence: float = price) -> Money:
        return Money(amount=amount, currency=currency, confidence=round(confidence, 3))

    return LineItem(
        raw_text="\n".join(draft.raw),
        parsed_name=draft.name,
        quantity=draft.quantity,
        unit=draft.unit,
        unit_price=money(each, price if draft.proved else 0.9 * price),
        total_price=money(draft.total.value),
        discount=money(draft.discount) if draft.discounts else None,
        confidence=round(min(price, name), 3),
    )


def _money(amount: ScoredAmount | None, currency: str | None) -> Money | None:
    if amount is None:
        return None
    return Money(amount=amount.value, currency=currency, confidence=amount.confidence)
