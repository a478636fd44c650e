"""Reconciles the items with the summary by the most likely readings of their amounts.

Items less discounts equal the subtotal, or the total less tax, charges and rounding. When they
don't, another reading of one or two amounts (the recognizer's runner-up for a character, a
look-alike digit, quantity times unit price, a line that is not an item) may close the gap. A
correction is made only when a single one is cheapest; otherwise the gap is reported.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.items.draft import DraftItem
from sidecar.receipts.lines.amounts import cents
from sidecar.receipts.lines.names import names_something
from sidecar.receipts.totals.misreadings import alternatives
from sidecar.receipts.totals.totals import Summary

# Costs of changes.
_PRODUCT = 1.2  # the total becomes quantity times price
_NO_DISCOUNT = 1.5  # a discount that the prices already include
_DROPPED = 2.4
_DROPPED_NAMED = 3.2
_PROVED = 2.0  # on top: a total that quantity times price proves is hardly misread
_MAX_COST = 4.2
_TIE = 0.3  # corrections whose costs differ by less contradict one another
_MAX_CHANGES = 600
_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The drafts after correction, and the corrections in sentences."""

    drafts: tuple[DraftItem, ...]
    corrections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    index: int
    """Of the draft; below 0, of a kind of discount, which may be on several drafts."""
    value: Decimal | None
    """The new amount; None drops the line."""
    delta: Decimal
    cost: float
    not_deducted: frozenset[str] = frozenset()
    """Labels of discounts that the prices already include."""


def reconcile(drafts: Sequence[DraftItem], summary: Summary) -> Reconciliation:
    """Correct the drafts if the summary singles out one way to do so."""
    drafts = tuple(drafts)
    if summary.total is None or not drafts:
        return Reconciliation(drafts)
    targets = _targets(summary)
    items = sum((draft.net for draft in drafts), _ZERO)
    if items in targets:
        return Reconciliation(drafts)
    gaps = {target - items for target in targets}
    changes = _cheapest(list(_changes(drafts))[:_MAX_CHANGES], gaps)
    return Reconciliation(drafts) if changes is None else _apply(drafts, changes)


def _targets(summary: Summary) -> frozenset[Decimal]:
    """Return the sums that the items may add up to."""
    assert summary.total is not None
    total, parts = summary.total.value, summary.parts
    taxed = total + parts.discounts - parts.charges - parts.rounding
    sums = {taxed, taxed - parts.tax, total, total - parts.rounding}
    if summary.subtotal is not None:
        sums.add(summary.subtotal.value)
    return frozenset(cents(value) for value in sums if value > 0)


def _changes(drafts: Sequence[DraftItem]) -> Iterator[_Change]:
    for index, draft in enumerate(drafts):
        total = draft.total.value
        values = {total}
        if draft.unit_price is not None and not draft.proved:
            product = cents(draft.quantity * draft.unit_price)
            if product not in values:
                values.add(product)
                yield _Change(index, product, product - total, _PRODUCT)
        for value, cost in alternatives(draft.total):
            if value not in values:
                values.add(value)
                cost += _PROVED if draft.proved else 0.0
                yield _Change(index, value, value - total, cost)
        if len(drafts) > 1:
            cost = _DROPPED_NAMED if names_something(draft.name) else _DROPPED
            yield _Change(index, None, -draft.net, cost)
    yield from _discount_changes(drafts)


def _discount_changes(drafts: Sequence[DraftItem]) -> Iterator[_Change]:
    """Yield changes that undo discounts; a label means the same on every line."""
    sums: dict[str, Decimal] = {}
    for draft in drafts:
        for discount in draft.discounts:
            sums[discount.label] = sums.get(discount.label, _ZERO) + discount.value
    for number, (label, value) in enumerate(sums.items(), start=1):
        yield _Change(-number, None, value, _NO_DISCOUNT, frozenset({label}))
    if len(sums) > 1:
        everything = sum(sums.values(), _ZERO)
        yield _Change(-len(sums) - 1, None, everything, _NO_DISCOUNT, frozenset(sums))


def _cheapest(changes: list[_Change], gaps: set[Decimal]) -> tuple[_Change, ...] | None:
    """Return the single cheapest set of one or two changes that closes a gap, or None."""
    options: list[tuple[float, tuple[_Change, ...]]] = [
        (change.cost, (change,)) for change in changes if change.delta in gaps
    ]
    by_delta: dict[Decimal, list[_Change]] = {}
    for change in changes:
        by_delta.setdefault(change.delta, []).append(change)
    for change in changes:
        for gap in gaps:
            options += [
                (change.cost + partner.cost, (change, partner))
                for partner in by_delta.get(gap - change.delta, ())
                if partner.index > change.index
            ]
    options = sorted((option for option in options if option[0] <= _MAX_COST), key=lambda o: o[0])
    if not options or (len(options) > 1 and options[1][0] - options[0][0] < _TIE):
        return None
    return options[0][1]


def _apply(drafts: tuple[DraftItem, ...], changes: Sequence[_Change]) -> Reconciliation:
    by_index = {change.index: change for change in changes}
    not_deducted = frozenset(label for change in changes for label in change.not_deducted)
    corrected: list[DraftItem] = []
    messages: list[str] = []
    dropped: DraftItem | None = None  # its name may belong to the line below
    for index, draft in enumerate(drafts):
        change = by_index.get(index)
        if any(discount.label in not_deducted for discount in draft.discounts):
            deducted = tuple(d for d in draft.discounts if d.label not in not_deducted)
            removed = draft.discount - sum((d.value for d in deducted), _ZERO)
            messages.append(
                f"{removed} off {draft.name} was left out: the sum is right without it."
            )
            draft = replace(draft, discounts=deducted)
        if change is None:
            if dropped is not None and not names_something(draft.name):
                draft = replace(draft, name=dropped.name, raw=(*dropped.raw, *draft.raw))
            dropped = None
            corrected.append(draft)
            continue
        line = f"{draft.total.value} ({draft.name})"
        if change.value is None:
            messages.append(f"{line} was left out: the sum is right without it.")
            dropped = draft
        else:
            messages.append(f"{line} was corrected to {change.value}: the sum asks for it.")
            confidence = min(0.8, draft.total.confidence)
            total = replace(draft.total, value=change.value, confidence=confidence)
            price = draft.unit_price if draft.proved else None
            corrected.append(replace(draft, total=total, unit_price=price))
    return Reconciliation(tuple(corrected), tuple(messages))
