"""The line items: which lines belong together.

Tills print an item on one line, or its name above or below the line with its price. The layout is
one for the whole receipt, so both ways are tried on all lines and the one with fewer loose ends is
kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sidecar.receipts.items.draft import (
    DraftItem,
    draft_of,
    extended,
    multiplies,
    proved_by,
    reduced,
)
from sidecar.receipts.items.item_lines import (
    GIVEN_BACK,
    ItemLine,
    continues,
    is_a_note,
    item_line_from,
    renames,
    without_free_lines,
)
from sidecar.receipts.items.item_region import heads_a_department, quantity_first, tells_nothing
from sidecar.receipts.items.line_prefixes import leading_quantities, named, without_codes
from sidecar.receipts.items.price_lines import price_line_from
from sidecar.receipts.lines.line_roles import LineRole, fold
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.lines.names import name_of, names_something
from sidecar.receipts.lines.quantities import proves

_TWO_NAMES = 0.8  # of the confidence in a name that stands in two languages: either may be wanted


def items_of(receipt: ReceiptLines, start: int, end: int) -> tuple[DraftItem, ...]:
    """The drafts of the lines from `start` up to `end`, as `regions_of` has them."""
    discounted = any(
        line.role is LineRole.COLUMNS and "DISC" in fold(line.row.text)
        for line in receipt.lines[:start]
    )
    lines = [
        line
        for line in receipt.lines[start:end]
        if line.role is not LineRole.COLUMNS and not tells_nothing(line)
    ]
    parts = [
        item_line_from(line, receipt.mark, discounted=discounted)
        for place, line in enumerate(lines)
        if not _heads(line, lines[place + 1 : place + 2])
    ]
    numbers_lead = quantity_first(receipt.lines[:end])
    if numbers_lead:
        parts = without_free_lines(parts)
    above, below = _gather(parts, names_above=True), _gather(parts, names_above=False)
    chosen = above if above.loose <= below.loose else below
    drafts = without_codes(leading_quantities(chosen.drafts, numbers_lead))
    return tuple(named(draft) for draft in drafts)


@dataclass(frozen=True, slots=True)
class _Gathered:
    drafts: tuple[DraftItem, ...]
    loose: float
    """Names without a price, prices without a name: what this layout leaves unexplained."""


def _heads(line: ReceiptLine, below: Sequence[ReceiptLine]) -> bool:
    """Whether it is a heading of what stands below it, and not the name of an unnamed price."""
    return (
        not line.figures
        and heads_a_department(line.row.text)
        and any(names_something(name_of(other, None)) or _only_measures(other) for other in below)
    )


def _only_measures(line: ReceiptLine) -> bool:
    measure = price_line_from(line.row.text)
    return measure is not None and measure.total is None


def _reducible(drafts: Sequence[DraftItem], part: ItemLine) -> int | None:
    """The draft that a reduction is of: the last one that has a name, is no deposit, and costs as
    much.
    """
    assert part.total is not None
    place = next(
        (
            i
            for i in reversed(range(len(drafts)))
            if names_something(drafts[i].name) and not GIVEN_BACK.search(fold(drafts[i].name))
        ),
        None,
    )
    return place if place is not None and abs(part.total.value) <= drafts[place].net else None


def _restates(part: ItemLine, drafts: Sequence[DraftItem]) -> bool:
    """Whether a line only says what an item that was reduced comes to ("PRICE YOU PAY")."""
    named = [draft for draft in drafts[-2:] if draft.reductions]
    return bool(
        named and part.total and part.total.value == named[-1].net and part.line.letters > 4
    )


def _inline(parts: Sequence[ItemLine]) -> bool:
    priced = [part for part in parts if part.total is not None and part.reduction is None]
    return sum(names_something(part.name) for part in priced) * 2 > len(priced)


def _gather(parts: Sequence[ItemLine], *, names_above: bool) -> _Gathered:
    drafts: list[DraftItem] = []
    pending: list[ItemLine] = []  # lines that wait for the price line below them
    loose = 0.0
    edge = max((part.span[2] for part in parts if names_something(part.name)), default=0.0)
    inline = _inline(parts)
    for part in parts:
        if part.reduction is not None and (place := _reducible(drafts, part)) is not None:
            drafts[place] = reduced(drafts[place], part)
            continue
        if _restates(part, drafts) and not pending:
            continue
        if part.total is not None:
            draft = draft_of(part, pending, edge, inline=inline)
            if names_above and drafts and not pending and multiplies(draft, drafts[-1]):
                drafts[-1] = replace(draft, raw=(*drafts[-1].raw, *draft.raw), name=drafts[-1].name)
                continue
            loose += 1.0 if not names_something(draft.name) and names_above else 0.0
            loose += 0.3 * max(0, sum(p.measure is None for p in pending) - 2)
            pending = []
            drafts.append(draft)
            last = part  # where the last draft's name ends
        elif part.measure is not None:
            product = part.measure.of(drafts[-1].total.value) if drafts else None
            if product is not None and not drafts[-1].proved:
                drafts[-1] = proved_by(drafts[-1], product)
            else:
                pending.append(part)
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
    loose += sum(
        1.0 for part in pending if part.line.role is None and part.measure is None and names_above
    )
    if not names_above:
        loose += sum(1.0 for draft in drafts if not names_something(draft.name))
        loose += 0.3 * sum(max(0, len(draft.raw) - 3) for draft in drafts)
    return _Gathered(tuple(drafts), loose)
