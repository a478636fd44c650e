"""Chooses total, subtotal and tax by how well they explain each other.

A line that says TOTAL is one piece of evidence among several: cash less change, the card payment,
subtotal plus tax, the sum of the items. The amount with the highest score is the total.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, takewhile

from sidecar.receipts.items.draft import DraftItem
from sidecar.receipts.lines.line_roles import LineRole, fold
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.totals.misreadings import plausible
from sidecar.receipts.word_lists import pattern

_ZERO = Decimal("0.00")
_CENT = Decimal("0.01")
_STRONG = pattern("line_roles", "strong_total")
_WEAK = pattern("line_roles", "weak_total")
_MAX_OTHERS = 4
_AFTER_TAXES = {LineRole.TENDERED, LineRole.CHANGE, LineRole.ROUNDING, LineRole.SUBTOTAL}


@dataclass(frozen=True, slots=True)
class ScoredAmount:
    """A chosen amount with its confidence (0 to 1)."""

    value: Decimal
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The amounts between the items and the total; zero for those that are not shown."""

    tax: Decimal = _ZERO
    charges: Decimal = _ZERO
    """Service and tip: added to the items."""
    discounts: Decimal = _ZERO
    """Taken off the sum, positive."""
    rounding: Decimal = _ZERO
    others: tuple[Decimal, ...] = ()
    """Amounts before the total on lines without a known role: fees, reductions, named taxes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The bottom part of a receipt; None for what it does not show."""

    total: ScoredAmount | None
    subtotal: ScoredAmount | None
    tax: ScoredAmount | None
    parts: Parts
    evidence: frozenset[str]
    """The evidence for the total."""


def summary_of(receipt: ReceiptLines, drafts: Sequence[DraftItem], start: int) -> Summary:
    """Return the summary from line `start` on, with the drafts as evidence."""
    lines = _without_tax_table(receipt.lines, start)
    printed = _printed(lines)
    lines = [
        replace(line, amounts=tuple(plausible(amount, printed) for amount in line.amounts))
        for line in lines
    ]
    amounts = {role: _amounts(lines, role) for role in LineRole}
    subtotal = amounts[LineRole.SUBTOTAL][-1] if amounts[LineRole.SUBTOTAL] else None
    tax = _tax(lines)
    parts = Parts(
        tax=tax or _ZERO,
        charges=sum(amounts[LineRole.SERVICE] + amounts[LineRole.TIP], _ZERO),
        discounts=abs(next(reversed(amounts[LineRole.DISCOUNT]), _ZERO)),
        rounding=next((v for v in amounts[LineRole.ROUNDING] if abs(v) < 1), _ZERO),
        others=_others(lines),
    )
    items = sum((draft.net for draft in drafts), _ZERO)
    scores, evidence = _scores(lines, items, subtotal, parts, _paid(amounts))
    total = _best(scores)
    return Summary(
        total=total,
        subtotal=ScoredAmount(subtotal, 0.9) if subtotal is not None else None,
        tax=ScoredAmount(tax, 0.9) if tax is not None else None,
        parts=parts,
        evidence=frozenset(evidence[total.value]) if total else frozenset(),
    )


def adds_up(items: Decimal, total: Decimal, parts: Parts) -> bool:
    """Whether items, with or without each of the parts, add up to the total."""
    for tax in {_ZERO, parts.tax}:
        for charges in {_ZERO, parts.charges}:
            for discounts in {_ZERO, parts.discounts}:
                for rounding in {_ZERO, parts.rounding, -parts.rounding}:
                    if abs(items + tax + charges - discounts + rounding - total) <= _CENT:
                        return True
        rest = total - items - tax - parts.charges - parts.rounding
        if any(abs(rest - sum(subset, _ZERO)) <= _CENT for subset in _subsets(parts.others)):
            return True
    return False


def _subsets(others: Sequence[Decimal]) -> Iterator[Sequence[Decimal]]:
    """Yield all of them, each, and each pair: with more, any sum would add up by chance."""
    if others:
        yield others
    yield from combinations(others, 1)
    yield from combinations(others, 2)


def _others(lines: Sequence[ReceiptLine]) -> tuple[Decimal, ...]:
    before = list(takewhile(lambda line: not (line.role is LineRole.TOTAL and line.amounts), lines))
    values = [
        line.amounts[-1].value
        for line in before
        if line.amounts
        and (
            line.role in (None, LineRole.COUNT)
            or (line.role in (LineRole.SAVINGS, LineRole.POINTS) and line.amounts[-1].value < 0)
        )
    ]
    return tuple(values) if len(values) <= _MAX_OTHERS and len(before) < len(lines) else ()


def _without_tax_table(lines: Sequence[ReceiptLine], start: int) -> list[ReceiptLine]:
    """Return the lines from `start`, without the tables that break the tax down by rate."""
    remaining: list[ReceiptLine] = []
    inside = has_total = False
    for line in lines[start:]:
        if line.role is LineRole.TAX_TABLE and len(line.amounts) <= 1:
            inside = bool(remaining)
            continue
        if line.role in _AFTER_TAXES or (line.role is LineRole.TOTAL and not has_total):
            inside = False
        if not inside:
            has_total = has_total or line.role is LineRole.TOTAL
            remaining.append(line)
    return remaining


def _amounts(lines: Sequence[ReceiptLine], role: LineRole) -> list[Decimal]:
    return [line.amounts[-1].value for line in lines if line.role is role and line.amounts]


def _printed(lines: Sequence[ReceiptLine]) -> set[Decimal]:
    return {amount.value for line in lines for amount in line.amounts}


def _tax(lines: Sequence[ReceiptLine]) -> Decimal | None:
    """Return the sum of the distinct amounts of tax lines; a repeated amount counts once."""
    values: list[Decimal] = []
    for line in lines:
        if line.role is LineRole.TAX and line.amounts:
            value = line.amounts[-1].value
            if len(line.amounts) == 1 or value <= line.amounts[0].value:
                values.append(value)
    if not values:
        return None
    distinct = list(dict.fromkeys(values))
    return sum(distinct, _ZERO) if len(distinct) <= 4 else max(distinct)


def _paid(amounts: Mapping[LineRole, list[Decimal]]) -> Decimal | None:
    """Return the largest payment less the change, or None when either is missing."""
    tendered = [value for value in amounts[LineRole.TENDERED] if value > 0]
    change = [abs(value) for value in amounts[LineRole.CHANGE]]
    if not tendered or not change:
        return None
    return max(tendered) - min(change)


def _scores(
    lines: Sequence[ReceiptLine],
    items: Decimal,
    subtotal: Decimal | None,
    parts: Parts,
    paid: Decimal | None,
) -> tuple[dict[Decimal, float], dict[Decimal, set[str]]]:
    """Return the score of each candidate for the total, and the evidence for it."""
    rounding = parts.rounding
    printed = _printed(lines)
    scores: dict[Decimal, float] = defaultdict(float)
    evidence: dict[Decimal, set[str]] = defaultdict(set)

    def support(value: Decimal, weight: float, kind: str) -> None:
        if kind not in evidence[value]:
            evidence[value].add(kind)
            scores[value] += weight

    payment = next((i for i, line in enumerate(lines) if line.role is LineRole.CHANGE), len(lines))
    after_payment = lines[payment:]
    totals = [line for line in lines if line.role is LineRole.TOTAL and line.amounts]
    for index, line in enumerate(totals):
        text = fold(line.label)
        weight = 3.0 + 0.3 * index / len(totals)
        weight += 0.6 if _STRONG.search(text) else 0.0
        weight -= 1.5 if _WEAK.search(text) else 0.0
        weight -= 1.2 if line in after_payment else 0.0
        value = line.amounts[-1].value
        if value > 0:
            before = scores[value]
            scores[value] = max(before, weight) + (0.4 if before else 0)
            evidence[value].add("total")
    for line in lines:
        if line.amounts and line.role is LineRole.SUBTOTAL:
            support(line.amounts[-1].value, 1.2, "subtotal")
        if line.amounts and line.role is LineRole.TENDERED:
            support(line.amounts[-1].value, 0.9, "tendered")
    if paid is not None and paid > 0:
        support(paid, 2.2, "paid")
        if paid in printed or paid == items:
            support(paid, 0.6, "printed")
    for value in list(scores):
        if items > 0 and adds_up(items, value, parts):
            support(value, 1.2 if items != value else 1.5, "items")
        if subtotal is not None and subtotal != value and adds_up(subtotal, value, parts):
            support(value, 1.0, "subtotal and tax")
        if rounding and value - rounding in scores and paid in (None, value):
            support(value, 0.8, "rounding")
    if rounding:
        for value in [v for v in scores if "total" in evidence[v]]:
            if value + rounding in printed and value + rounding not in scores:
                scores[value + rounding] = scores[value]
                support(value + rounding, 0.8, "rounding")
    if not scores:
        rest = [a.value for line in lines for a in line.amounts if line.role is not LineRole.POINTS]
        matching = [value for value in rest if value == items]
        if items > 0 and matching:
            support(matching[0], 1.0, "items")
        elif rest:
            support(max(rest), 0.3, "largest")
        elif items > 0:
            support(items, 0.3, "items")
    return scores, evidence


def _best(scores: Mapping[Decimal, float]) -> ScoredAmount | None:
    positive = {value: score for value, score in scores.items() if value > 0}
    if not positive:
        return ScoredAmount(_ZERO, 0.5) if _ZERO in scores else None
    best = max(positive, key=lambda value: positive[value])
    second = max((score for value, score in positive.items() if value != best), default=0.0)
    lead = positive[best] - second
    confidence = 0.5 + 0.1 * min(3.0, lead) + 0.04 * min(5.0, positive[best])
    return ScoredAmount(best, round(min(0.99, confidence), 3))
