"""Total, subtotal, tax and what was paid, chosen by how well they explain each other.

A line that says TOTAL is one witness of several: cash less change, the card payment, subtotal plus
tax, the sum of the items. The amount with the most weight of evidence is the total.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, takewhile

from sidecar.receipts.items.draft import DraftItem
from sidecar.receipts.lines.line_roles import LineRole, fold
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.totals.misreadings import possible

_ZERO = Decimal("0.00")
_CENT = Decimal("0.01")
_STRONG = re.compile(
    r"GRAND|NETT?\b|ROUND|FINAL|AMOUNT DUE|BALANCE DUE|PAYABLE|TO PAY|ZU ZAHLEN|A PAYER|GESAMT|SUMME|INCL|DUE"
)
_WEAK = re.compile(r"ITEM|QTY|QUANTITY|DISC|SAV|EXCL|EXCLUDING")


@dataclass(frozen=True, slots=True)
class ScoredAmount:
    """An amount that was chosen, and how sure that is (0 to 1)."""

    value: Decimal
    confidence: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The bottom part of a receipt; what it does not show is None or zero."""

    total: ScoredAmount | None
    subtotal: ScoredAmount | None
    tax: ScoredAmount | None
    charges: Decimal
    """Service and tip: added to the items."""
    discounts: Decimal
    """Taken off the sum, positive."""
    rounding: Decimal
    others: tuple[Decimal, ...]
    """Amounts before the total whose lines say nothing known: fees, reductions, taxes by a name."""
    paid: Decimal | None
    """Tendered less change."""
    witnesses: frozenset[str]
    """What spoke for the total."""


def summary_of(receipt: ReceiptLines, drafts: Sequence[DraftItem], start: int) -> Summary:
    """The summary from line `start` on; the drafts are one of its witnesses."""
    lines = _without_tax_table(receipt.lines, start)
    printed = {figure.value for line in lines for figure in line.figures}
    lines = [
        replace(line, figures=tuple(possible(figure, printed) for figure in line.figures))
        for line in lines
    ]
    amounts = {role: _amounts(lines, role) for role in LineRole}
    rounding = next((v for v in amounts[LineRole.ROUNDING] if abs(v) < 1), _ZERO)
    charges = sum(amounts[LineRole.SERVICE] + amounts[LineRole.TIP], _ZERO)
    discounts = abs(next((v for v in reversed(amounts[LineRole.DISCOUNT])), _ZERO))
    subtotal = amounts[LineRole.SUBTOTAL][-1] if amounts[LineRole.SUBTOTAL] else None
    taxes = _taxes(lines)
    items = sum((draft.net for draft in drafts), _ZERO)
    paid = _paid(amounts)
    others = _others(lines)
    parts = (taxes, charges, discounts, rounding, others)
    votes, witnesses = _votes(lines, items, subtotal, parts, paid)
    total = _best(votes)
    tax = ScoredAmount(taxes, 0.9) if taxes is not None else None
    return Summary(
        total=total,
        subtotal=ScoredAmount(subtotal, 0.9) if subtotal is not None else None,
        tax=tax,
        charges=charges,
        discounts=discounts,
        rounding=rounding,
        others=others,
        paid=paid,
        witnesses=frozenset(witnesses[total.value]) if total else frozenset(),
    )


def adds_up(
    items: Decimal,
    total: Decimal,
    tax: Decimal | None,
    charges: Decimal,
    discounts: Decimal,
    rounding: Decimal,
    others: Sequence[Decimal] = (),
) -> bool:
    """Whether items plus any of the parts that may or may not be included come to the total."""
    for added_tax in {_ZERO, tax or _ZERO}:
        for added in {_ZERO, charges}:
            for off in {_ZERO, discounts}:
                for shift in {_ZERO, rounding, -rounding}:
                    if abs(items + added_tax + added - off + shift - total) <= _CENT:
                        return True
        rest = total - items - added_tax - charges - rounding
        if any(abs(rest - sum(few, _ZERO)) <= _CENT for few in _few(others)):
            return True
    return False


def _few(others: Sequence[Decimal]) -> Iterator[Sequence[Decimal]]:
    """All of them, each, and each two: more ways would let any sum come out by chance."""
    if others:
        yield others
    yield from combinations(others, 1)
    yield from combinations(others, 2)


_MOST_OTHERS = 4


def _others(lines: Sequence[ReceiptLine]) -> tuple[Decimal, ...]:
    before = list(takewhile(lambda line: not (line.role is LineRole.TOTAL and line.figures), lines))
    found = [
        line.figures[-1].value
        for line in before
        if line.figures
        and (
            line.role in (None, LineRole.COUNT)
            or (line.role in (LineRole.SAVINGS, LineRole.POINTS) and line.figures[-1].value < 0)
        )
    ]
    return tuple(found) if len(found) <= _MOST_OTHERS and len(before) < len(lines) else ()


def _without_tax_table(lines: Sequence[ReceiptLine], start: int) -> list[ReceiptLine]:
    """The lines from `start`, less the tables that break the tax down by rate."""
    kept: list[ReceiptLine] = []
    inside = False
    for line in lines[start:]:
        if line.role is LineRole.TAX_TABLE and len(line.figures) <= 1:
            inside = bool(kept)
            continue
        if inside and line.role in (
            LineRole.TENDERED,
            LineRole.CHANGE,
            LineRole.ROUNDING,
            LineRole.SUBTOTAL,
        ):
            inside = False
        if (
            inside
            and line.role is LineRole.TOTAL
            and not any(k.role is LineRole.TOTAL for k in kept)
        ):
            inside = False
        if not inside:
            kept.append(line)
    return kept


def _amounts(lines: Sequence[ReceiptLine], role: LineRole) -> list[Decimal]:
    return [line.figures[-1].value for line in lines if line.role is role and line.figures]


def _taxes(lines: Sequence[ReceiptLine]) -> Decimal | None:
    """The sum of distinct tax lines: CGST and SGST add up, a repeated line does not."""
    seen: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        if line.role is LineRole.TAX and line.figures:
            value = line.figures[-1].value
            if len(line.figures) == 1 or value <= line.figures[0].value:
                label = re.sub(r"[^A-Z]", "", fold(line.label))[:12]
                seen.setdefault((label, value), value)
    if not seen:
        return None
    values = list(dict.fromkeys(seen.values()))
    return sum(values, _ZERO) if len(values) <= 4 else max(values)


def _paid(amounts: dict[LineRole, list[Decimal]]) -> Decimal | None:
    """Money given less money back; several means of payment add up only when change says so."""
    tendered = [value for value in amounts[LineRole.TENDERED] if value > 0]
    change = [abs(value) for value in amounts[LineRole.CHANGE]]
    if not tendered or not change:
        return None
    return max(tendered) - min(change)


def _votes(
    lines: Sequence[ReceiptLine],
    items: Decimal,
    subtotal: Decimal | None,
    parts: tuple[Decimal | None, Decimal, Decimal, Decimal, tuple[Decimal, ...]],
    paid: Decimal | None,
) -> tuple[dict[Decimal, float], dict[Decimal, set[str]]]:
    rounding = parts[3]
    votes: dict[Decimal, float] = defaultdict(float)
    witnesses: dict[Decimal, set[str]] = defaultdict(set)

    def speak(value: Decimal, weight: float, witness: str) -> None:
        if witness not in witnesses[value]:
            witnesses[value].add(witness)
            votes[value] += weight

    payment = next((i for i, line in enumerate(lines) if line.role is LineRole.CHANGE), len(lines))
    after_payment = lines[payment:]
    totals = [line for line in lines if line.role is LineRole.TOTAL and line.figures]
    for place, line in enumerate(totals):
        text = fold(line.label)
        weight = 3.0 + 0.3 * place / len(totals)
        weight += 0.6 if _STRONG.search(text) else 0.0
        weight -= 1.5 if _WEAK.search(text) else 0.0
        weight -= 1.2 if line in after_payment else 0.0
        value = line.figures[-1].value
        if value > 0:
            before = votes[value]
            votes[value] = max(before, weight) + (0.4 if before else 0)
            witnesses[value].add("total")
    for line in lines:
        if line.figures and line.role is LineRole.SUBTOTAL:
            speak(line.figures[-1].value, 1.2, "subtotal")
        if line.figures and line.role is LineRole.TENDERED:
            speak(line.figures[-1].value, 0.9, "tendered")
    if paid is not None and paid > 0:
        speak(paid, 2.2, "paid")
        if paid in {figure.value for line in lines for figure in line.figures} or paid == items:
            speak(paid, 0.6, "printed")
    for value in list(votes):
        if items > 0 and adds_up(items, value, *parts):
            speak(value, 1.2 if items != value else 1.5, "items")
        if subtotal is not None and subtotal != value and adds_up(subtotal, value, *parts):
            speak(value, 1.0, "subtotal and tax")
        if rounding and value - rounding in votes and paid in (None, value):
            speak(value, 0.8, "rounding")
    if rounding:
        printed = {figure.value for line in lines for figure in line.figures}
        for value in [v for v in votes if "total" in witnesses[v]]:
            if value + rounding in printed and value + rounding not in votes:
                votes[value + rounding] = votes[value]
                speak(value + rounding, 0.8, "rounding")
    if not votes:
        rest = [f.value for line in lines for f in line.figures if line.role is not LineRole.POINTS]
        for value in rest:
            if items > 0 and value == items:
                speak(value, 1.0, "items")
        if not votes and rest:
            speak(max(rest), 0.3, "largest")
        elif not votes and items > 0:
            speak(items, 0.3, "items")
    return votes, witnesses


def _best(votes: dict[Decimal, float]) -> ScoredAmount | None:
    positive = {value: weight for value, weight in votes.items() if value > 0}
    if not positive:
        zero = [value for value in votes if value == 0]
        return ScoredAmount(_ZERO, 0.5) if zero else None
    best = max(positive, key=lambda value: positive[value])
    second = max((w for value, w in positive.items() if value != best), default=0.0)
    lead = positive[best] - second
    strength = positive[best]
    confidence = 0.5 + 0.1 * min(3.0, lead) + 0.04 * min(5.0, strength)
    return ScoredAmount(best, round(min(0.99, confidence), 3))
