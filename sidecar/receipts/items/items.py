"""The line items: decides which lines belong together.

Tills print an item on one line, or its name above or below the line with its price. A receipt has
one layout, so both layouts are tried on all lines, and the one that leaves less unexplained is
used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sidecar.receipts.items.draft import (
    DraftItem,
    draft_from,
    is_multiplication_of,
    with_discount,
    with_line_below,
    with_quantity,
)
from sidecar.receipts.items.item_lines import (
    REFUNDS,
    ItemLine,
    continues,
    is_a_note,
    is_translation,
    item_line_from,
    without_free_lines,
)
from sidecar.receipts.items.item_region import (
    is_department_heading,
    is_informational,
    quantity_first,
)
from sidecar.receipts.items.line_prefixes import (
    leading_quantities,
    with_fallback_name,
    without_codes,
)
from sidecar.receipts.items.price_lines import price_line_from
from sidecar.receipts.lines.line_roles import LineRole, fold
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.lines.names import name_of, names_something
from sidecar.receipts.lines.quantities import proves

_TWO_LANGUAGES = 0.8  # factor on the confidence in a name that is printed in two languages


def items_of(receipt: ReceiptLines, start: int, end: int) -> tuple[DraftItem, ...]:
    """Return the drafts of the lines from `start` up to `end`, as `regions_of` has them."""
    discount_column = any(
        line.role is LineRole.COLUMNS and "DISC" in fold(line.text)
        for line in receipt.lines[:start]
    )
    region = [
        line
        for line in receipt.lines[start:end]
        if line.role is not LineRole.COLUMNS and not is_informational(line)
    ]
    lines = [
        item_line_from(line, receipt.mark, discount_column=discount_column)
        for index, line in enumerate(region)
        if not _is_heading(line, region[index + 1 : index + 2])
    ]
    quantity_leads = quantity_first(receipt.lines[:end])
    if quantity_leads:
        lines = without_free_lines(lines)
    above, below = _group(lines, names_above=True), _group(lines, names_above=False)
    layout = above if above.unexplained <= below.unexplained else below
    drafts = without_codes(leading_quantities(layout.drafts, quantity_leads))
    return tuple(with_fallback_name(draft) for draft in drafts)


@dataclass(frozen=True, slots=True)
class _Layout:
    drafts: tuple[DraftItem, ...]
    unexplained: float
    """Names without a price and prices without a name, weighted."""


def _is_heading(line: ReceiptLine, below: Sequence[ReceiptLine]) -> bool:
    """Whether it is a department's heading, and not the name of a price without a name below."""
    return (
        not line.amounts
        and is_department_heading(line.text)
        and any(names_something(name_of(other, None)) or _needs_total(other) for other in below)
    )


def _needs_total(line: ReceiptLine) -> bool:
    price_line = price_line_from(line.text)
    return price_line is not None and price_line.total is None


def _discounted(drafts: Sequence[DraftItem], line: ItemLine) -> int | None:
    """Return the index of the last draft with a name that is no deposit, if it costs as much."""
    assert line.total is not None
    for index, draft in reversed([*enumerate(drafts)]):
        if names_something(draft.name) and not REFUNDS.search(fold(draft.name)):
            return index if abs(line.total.value) <= draft.net else None
    return None


def _restates(line: ItemLine, drafts: Sequence[DraftItem]) -> bool:
    """Whether a line only repeats the price of an item after its discount ("PRICE YOU PAY")."""
    discounted = [draft for draft in drafts[-2:] if draft.discounts]
    return bool(
        discounted
        and line.total
        and line.total.value == discounted[-1].net
        and line.source.letters > 4
    )


def _inline(lines: Sequence[ItemLine]) -> bool:
    priced = [line for line in lines if line.total is not None and line.discount_label is None]
    return sum(names_something(line.name) for line in priced) * 2 > len(priced)


def _group(lines: Sequence[ItemLine], *, names_above: bool) -> _Layout:
    drafts: list[DraftItem] = []
    pending: list[ItemLine] = []  # lines that belong to the price line below them
    unexplained = 0.0
    right_edge = max((line.span[2] for line in lines if names_something(line.name)), default=0.0)
    inline = _inline(lines)
    for line in lines:
        quantity = line.quantity
        if line.discount_label is not None and (index := _discounted(drafts, line)) is not None:
            drafts[index] = with_discount(drafts[index], line)
            continue
        if _restates(line, drafts) and not pending:
            continue
        if line.total is not None:
            draft = draft_from(line, pending, right_edge, inline=inline)
            if names_above and drafts and not pending and is_multiplication_of(draft, drafts[-1]):
                drafts[-1] = replace(draft, raw=(*drafts[-1].raw, *draft.raw), name=drafts[-1].name)
                continue
            unexplained += 1.0 if not names_something(draft.name) and names_above else 0.0
            unexplained += 0.3 * max(0, sum(p.price_line is None for p in pending) - 2)
            pending = []
            drafts.append(draft)
            last_named = line  # where the last draft's name ends
        elif line.price_line is not None:
            fitting = line.price_line.quantity_for(drafts[-1].total.value) if drafts else None
            if fitting is not None and not drafts[-1].proved:
                drafts[-1] = with_quantity(drafts[-1], fitting)
            else:
                pending.append(line)
        elif (
            quantity is not None
            and quantity.unit_price is not None
            and drafts
            and (proves(quantity, drafts[-1].total.value) and not drafts[-1].proved)
        ):
            drafts[-1] = with_line_below(drafts[-1], line)
        elif is_a_note(line):
            continue
        elif names_above or not drafts:
            if line.source.letters >= 2 or quantity is not None:
                pending.append(line)
                unexplained += 0.0 if names_above else 1.0
        elif line.source.role is None and line.source.letters >= 2:
            translated = is_translation(line, last_named)
            if not names_something(drafts[-1].name) or (
                continues(line, last_named, right_edge) and not translated
            ):
                drafts[-1] = with_line_below(drafts[-1], line)
                last_named = line
            else:
                drafts[-1] = replace(
                    drafts[-1],
                    raw=(*drafts[-1].raw, line.text),
                    name_confidence=drafts[-1].name_confidence
                    * (_TWO_LANGUAGES if translated else 1.0),
                )
    if names_above:
        unexplained += sum(p.source.role is None and p.price_line is None for p in pending)
    else:
        unexplained += sum(not names_something(draft.name) for draft in drafts)
        unexplained += 0.3 * sum(max(0, len(draft.raw) - 3) for draft in drafts)
    return _Layout(tuple(drafts), unexplained)
