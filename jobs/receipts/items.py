"""The line items: which lines belong together.

Tills print an item on one line, or its name above or below the line with its price. The layout is
one for the whole receipt, so both ways are tried on all lines and the one with fewer loose ends is
kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from jobs.receipts.drafts import Draft, draft_of, extended, multiplies
from jobs.receipts.lines import Receipt
from jobs.receipts.names import names_something
from jobs.receipts.numbering import leading_quantities, named, without_codes
from jobs.receipts.parts import (
    Part,
    continues,
    is_a_note,
    part_of,
    renames,
    without_free_lines,
)
from jobs.receipts.quantities import proves
from jobs.receipts.region import quantity_first, region_of, tells_nothing
from jobs.receipts.vocabulary import Role, fold

_TWO_NAMES = 0.8  # of the confidence in a name that stands in two languages: either may be wanted


def items_of(receipt: Receipt) -> tuple[tuple[Draft, ...], int]:
    """The drafts, and the index of the line where the summary begins."""
    start, end = region_of(receipt.lines)
    discounted = any(
        line.role is Role.COLUMNS and "DISC" in fold(line.row.text)
        for line in receipt.lines[:start]
    )
    parts = [
        part_of(line, receipt.mark, discounted=discounted)
        for line in receipt.lines[start:end]
        if line.role is not Role.COLUMNS and not tells_nothing(line)
    ]
    numbers_lead = quantity_first(receipt.lines[:end])
    if numbers_lead:
        parts = without_free_lines(parts)
    above, below = _gather(parts, names_above=True), _gather(parts, names_above=False)
    chosen = above if above.loose <= below.loose else below
    drafts = without_codes(leading_quantities(chosen.drafts, numbers_lead))
    return tuple(named(draft) for draft in drafts), end


@dataclass(frozen=True, slots=True)
class _Gathered:
    drafts: tuple[Draft, ...]
    loose: float
    """Names without a price, prices without a name: what this layout leaves unexplained."""


def _gather(parts: Sequence[Part], *, names_above: bool) -> _Gathered:
    drafts: list[Draft] = []
    pending: list[Part] = []  # lines that wait for the price line below them
    loose = 0.0
    edge = max((part.span[2] for part in parts if names_something(part.name)), default=0.0)
    for part in parts:
        if part.discount is not None:
            if drafts:
                held = drafts[-1].discount or Decimal(0)
                drafts[-1] = replace(drafts[-1], discount=held + part.discount)
            continue
        if part.total is not None:
            draft = draft_of(part, pending, edge)
            if names_above and drafts and not pending and multiplies(draft, drafts[-1]):
                drafts[-1] = replace(draft, raw=(*drafts[-1].raw, *draft.raw), name=drafts[-1].name)
                continue
            loose += 1.0 if not names_something(draft.name) and names_above else 0.0
            loose += 0.3 * max(0, len(pending) - 2)
            pending = []
            drafts.append(draft)
            last = part  # where the last draft's name ends
        elif (
            part.product is not None
            and part.product.unit_price is not None
            and drafts
            and (proves(part.product, drafts[-1].total.value) and not drafts[-1].proved)
        ):
            drafts[-1] = extended(drafts[-1], part)
        elif is_a_note(part):
            continue
        elif names_above or not drafts:
            if part.line.letters >= 2 or part.product is not None:
                pending.append(part)
                loose += 0.0 if names_above else 1.0
        elif part.line.role is None and part.line.letters >= 2:
            if not names_something(drafts[-1].name) or (
                continues(part, last, edge) and not renames(part, last)
            ):
                drafts[-1] = extended(drafts[-1], part)
                last = part
            else:
                told = drafts[-1]
                drafts[-1] = replace(
                    told,
                    raw=(*told.raw, part.line.row.text),
                    name_confidence=told.name_confidence
                    * (_TWO_NAMES if renames(part, last) else 1.0),
                )
    loose += sum(1.0 for part in pending if part.line.role is None and names_above)
    if not names_above:
        loose += sum(1.0 for draft in drafts if not names_something(draft.name))
        loose += 0.3 * sum(max(0, len(draft.raw) - 3) for draft in drafts)
    return _Gathered(tuple(drafts), loose)
