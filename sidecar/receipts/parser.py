"""Parses rows of text into an Extraction: a pure function, whatever the source of the text.

rows -> tokens -> probabilities of roles -> the likeliest reading that adds up -> fields
"""

import datetime
from collections.abc import Sequence
from decimal import Decimal

from sidecar.core.validation import primary_subtag
from sidecar.receipts.assignment.evidence import evidence_of
from sidecar.receipts.assignment.items import ReadItem
from sidecar.receipts.assignment.reading import AmountReading, ReadAmount, read_amounts
from sidecar.receipts.catalog.matching import Catalog, with_matches
from sidecar.receipts.fields.chains import chain_of
from sidecar.receipts.fields.cldr import cash_digits, tender
from sidecar.receipts.fields.currency import currency_of, date_order
from sidecar.receipts.fields.language import language_of
from sidecar.receipts.fields.merchant import header_of, merchant_of
from sidecar.receipts.fields.purchase_date import date_of
from sidecar.receipts.fields.purchase_time import time_of
from sidecar.receipts.fields.writing import writing_of
from sidecar.receipts.model import ReceiptModel, receipt_model
from sidecar.receipts.models import Checks, Extraction, LineItem, Money
from sidecar.receipts.ocr.layout import Row
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.roles.features import MAX_LINES
from sidecar.receipts.roles.numbers import NumberFormat
from sidecar.receipts.roles.tokens import MAX_CHARACTERS, tokenize

_SHOWN = 0.7  # confidence from which the receipt's currency is known, and its order of dates
_TOO_LONG = f"Only the first {MAX_LINES} lines were read."
_NO_TEXT = "No text was found in the image."


def parse(
    rows: Sequence[Row],
    options: ReceiptOptions,
    pages: int = 1,
    warnings: Sequence[str] = (),
    model: ReceiptModel | None = None,
) -> Extraction:
    """Return the extraction of a receipt's rows. `warnings` of earlier stages come first; `model`
    is by default the package's.
    """
    if not rows:
        return Extraction(pages=pages, checks=Checks(warnings=(*warnings, _NO_TEXT)))
    model = model or receipt_model()
    writing = writing_of(options.language)
    requested_language = primary_subtag(options.language) if options.language else None
    printed = [row.text[:MAX_CHARACTERS] for row in rows]
    currency = currency_of(printed, requested=options.currency)
    shown = NumberFormat(cash_digits(currency.code) if currency else 2, writing.mark or ".")
    evidence = evidence_of(tokenize(rows, shown), model.roles)
    lines = evidence.receipt.texts
    chain = chain_of([lines[row] for row in header_of(evidence)], lines)
    amounts = read_amounts(evidence, model.calibration)
    decimals = evidence.receipt.format.decimals
    shop = chain.currency if chain else None
    if shop is not None or decimals != shown.decimals:
        currency = currency_of(lines, requested=options.currency, shop=shop, decimals=decimals)
    code = currency.code if currency else None
    usual = date_order(code, lines) if currency and currency.confidence >= _SHOWN else None
    order = usual or writing.date_order or date_order(code, lines)
    date, date_warnings = date_of(lines, options.date_order, order)
    day = datetime.date.fromisoformat(date.value) if date else None
    if day is not None and _was_another(code, day):
        currency = currency_of(
            lines, requested=options.currency, shop=shop, decimals=decimals, day=day
        )
        code = currency.code if currency else None
    merchant = merchant_of(evidence, chain, model.calibration)
    items = tuple(
        _item(item, amounts, k, [printed[r] for r in item.rows], code, decimals)
        for k, item in enumerate(amounts.items)
    )
    if options.catalog:
        from sidecar.text.product_names import expand

        items = with_matches(items, Catalog(options.catalog, expand))
    total = _money(amounts.total, code, decimals)
    confidences = [field.confidence if field else 0.0 for field in (merchant, date, total)]
    items_sum = _rounded(sum((item.net for item in amounts.items), Decimal(0)), decimals)
    return Extraction(
        merchant=merchant,
        date=date,
        time=time_of(lines, day),
        currency=code,
        currency_confidence=round(currency.confidence, 3) if currency else 0.0,
        language=requested_language or language_of(printed),
        total=total,
        subtotal=_money(amounts.subtotal, code, decimals),
        tax=_money(amounts.tax, code, decimals),
        line_items=items,
        raw_ocr_text="\n".join(row.text for row in rows),
        overall_confidence=round(sum(confidences) / len(confidences), 3),
        checks=Checks(
            items_sum=items_sum,
            matches_total=amounts.matches_total,
            warnings=(
                *warnings,
                *date_warnings,
                *amounts.warnings,
                *((_TOO_LONG,) if len(rows) > MAX_LINES else ()),
                *_sum_warnings(items_sum, total, amounts),
            ),
        ),
        adds_up=amounts.adds_up,
        pages=pages,
    )


def _was_another(code: str | None, day: datetime.date) -> bool:
    """Whether a country that has this currency now had another one on a day."""
    present = tender().items()
    return any(now[:1] == (code,) and tender(day)[c][:1] != now[:1] for c, now in present)


def _sum_warnings(items_sum: Decimal, total: Money | None, amounts: AmountReading) -> list[str]:
    if total is None:
        return ["No total was found."]
    if amounts.matches_total:
        return []
    if amounts.adds_up:
        return ["The line items add up to the total, but may have been read in another way."]
    return [f"The line items come to {items_sum}, {total.amount - items_sum} off the total."]


def _item(
    item: ReadItem,
    amounts: AmountReading,
    number: int,
    printed: Sequence[str],
    currency: str | None,
    decimals: int,
) -> LineItem:
    price = amounts.prices[number]
    total = _rounded(item.total, decimals)
    each = item.unit_price
    if each is None:
        each = _rounded(item.total / item.quantity, decimals)

    def money(amount: Decimal, confidence: float = price) -> Money:
        return Money(amount=amount, currency=currency, confidence=round(confidence, 3))

    discount = sum(item.discounts, Decimal(0))
    return LineItem(
        raw_text="\n".join(printed),
        parsed_name=item.name,
        quantity=item.quantity,
        unit=item.unit,
        unit_price=money(each, price if item.proved else 0.9 * price),
        total_price=money(total),
        discount=money(_rounded(discount, decimals)) if discount else None,
        confidence=min(price, amounts.confidences[number]),
    )


def _rounded(value: Decimal, decimals: int) -> Decimal:
    """Return an amount with the digits that the receipt's amounts have, or more if it has more."""
    exponent = value.normalize().as_tuple().exponent
    shown = max(decimals, min(decimals + 2, -exponent if isinstance(exponent, int) else 0))
    return value.quantize(Decimal(1).scaleb(-shown))


def _money(amount: ReadAmount | None, currency: str | None, decimals: int) -> Money | None:
    if amount is None:
        return None
    value = _rounded(amount.value, decimals)
    return Money(amount=value, currency=currency, confidence=amount.confidence)
