"""Makes a receipt add up: of the ways its amounts can be read, the likeliest that agree.

Items less discounts come to the subtotal, or to the total less tax, charges and rounding. When
they don't, another reading of one or two amounts (the recogniser's runner-up for a character, a
look-alike digit, quantity times unit price, a line that is no item at all) may close the gap. A
correction is made only when it is the single cheapest one; else the gap is reported, not hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.items.draft import DraftItem
from sidecar.receipts.lines.amounts import cents
from sidecar.receipts.lines.names import names_something
from sidecar.receipts.totals.misreadings import readings
from sidecar.receipts.totals.totals import Summary

_PRODUCT = 1.2  # what a change costs: quantity times price says otherwise
_NO_DISCOUNT = 1.5  # it was told, not taken off
_DROPPED = 2.4
_DROPPED_NAMED = 3.2
_MOST = 4.2  # no correction that costs more is believed
_TIE = 0.3  # corrections nearer than this contradict one another
_CANDIDATES = 600
_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The drafts after correction, and what was changed, in sentences."""

    drafts: tuple[DraftItem, ...]
    corrections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    index: int
    """Of the draft, or below 0: of a kind of reduction, which may stand at several drafts."""
    value: Decimal | None
    """The new amount; None drops the line."""
    delta: Decimal
    cost: float
    told: frozenset[str] = frozenset()
    """Labels of reductions that are told, not taken off."""


def reconcile(drafts: Sequence[DraftItem], summary: Summary) -> Reconciliation:
    """The drafts, corrected if the summary's sums single out one way to correct them."""
    drafts = tuple(drafts)
    if summary.total is None or not drafts:
        return Reconciliation(drafts, ())
    wanted = _wanted(summary)
    items = sum((draft.net for draft in drafts), _ZERO)
    if items in wanted:
        return Reconciliation(drafts, ())
    changes = _cheapest(list(_changes(drafts))[:_CANDIDATES], {target - items for target in wanted})
    if changes is None:
        return Reconciliation(drafts, ())
    return _applied(drafts, changes)


def _wanted(summary: Summary) -> frozenset[Decimal]:
    """What the items may come to. Fewer, better witnessed sums come before more."""
    assert summary.total is not None
    total = summary.total.value
    tax = summary.tax.value if summary.tax else _ZERO
    sums = {
        total + off - added - charges - shift
        for added in {_ZERO, tax}
        for charges in {summary.charges}
        for off in {summary.discounts}
        for shift in {summary.rounding}
    }
    sums |= {total, total - summary.rounding}
    if summary.subtotal is not None:
        sums.add(summary.subtotal.value)
    return frozenset(cents(value) for value in sums if value > 0)


def _changes(drafts: Sequence[DraftItem]) -> Iterator[_Change]:
    for index, draft in enumerate(drafts):
        seen = {draft.total.value}
        if draft.unit_price is not None and not draft.proved:
            product = cents(draft.quantity * draft.unit_price)
            if product not in seen:
                seen.add(product)
                yield _Change(index, product, product - draft.total.value, _PRODUCT)
        for value, cost in readings(draft.total):
            # A total that quantity times price proves is hardly misread.
            cost += 2.0 if draft.proved else 0.0
            if value not in seen:
                seen.add(value)
                yield _Change(index, value, value - draft.total.value, cost)
        if len(drafts) > 1:
            cost = _DROPPED_NAMED if names_something(draft.name) else _DROPPED
            yield _Change(index, None, -draft.net, cost)
    yield from _told(drafts)


def _told(drafts: Sequence[DraftItem]) -> Iterator[_Change]:
    """Reductions that the prices already hold: what a label means is the same on every line."""
    sums: dict[str, Decimal] = {}
    for draft in drafts:
        for reduction in draft.reductions:
            sums[reduction.label] = sums.get(reduction.label, _ZERO) + reduction.value
    for place, (label, value) in enumerate(sums.items(), start=1):
        yield _Change(-place, None, value, _NO_DISCOUNT, frozenset({label}))
    if len(sums) > 1:
        everything = sum(sums.values(), _ZERO)
        yield _Change(-len(sums) - 1, None, everything, _NO_DISCOUNT, frozenset(sums))


def _cheapest(changes: list[_Change], gaps: set[Decimal]) -> tuple[_Change, ...] | None:
    """The one cheapest set of one or two changes that closes a gap, or None."""
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
    options = sorted((option for option in options if option[0] <= _MOST), key=lambda o: o[0])
    if not options or (len(options) > 1 and options[1][0] - options[0][0] < _TIE):
        return None
    return options[0][1]


def _applied(drafts: tuple[DraftItem, ...], changes: Sequence[_Change]) -> Reconciliation:
    by_index = {change.index: change for change in changes}
    told = frozenset(label for change in changes for label in change.told)
    kept: list[DraftItem] = []
    said: list[str] = []
    orphan: DraftItem | None = None  # dropped, and its name may belong to the line below
    for index, draft in enumerate(drafts):
        change = by_index.get(index)
        if any(reduction.label in told for reduction in draft.reductions):
            off = [r for r in draft.reductions if r.label not in told]
            said.append(
                f"{draft.discount - sum((r.value for r in off), _ZERO)} off {draft.name} was left out:"
                " the sum is right without it."
            )
            draft = replace(draft, reductions=tuple(off))
        if change is None:
            if orphan is not None and not names_something(draft.name):
                draft = replace(draft, name=orphan.name, raw=(*orphan.raw, *draft.raw))
            orphan = None
            kept.append(draft)
        elif change.value is None:
            said.append(
                f"{draft.total.value} ({draft.name}) was left out: the sum is right without it."
            )
            orphan = draft
        else:
            said.append(
                f"{draft.total.value} ({draft.name}) was corrected to {change.value}: the sum asks for it."
            )
            figure = replace(
                draft.total, value=change.value, confidence=min(0.8, draft.total.confidence)
            )
            price = draft.unit_price if draft.proved else None
            kept.append(replace(draft, total=figure, unit_price=price))
    return Reconciliation(tuple(kept), tuple(said))
