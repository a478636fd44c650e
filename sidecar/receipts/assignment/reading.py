"""The reading of a receipt's amounts: total, items, discounts, subtotal and tax, with confidences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.assignment.doubtful import (
    CARD_SLIP,
    SEVERAL,
    is_card_slip,
    several_receipts,
)
from sidecar.receipts.assignment.doubts import doubts
from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.explain import Explanation, explanations, likeliest
from sidecar.receipts.assignment.items import ReadItem, items_of
from sidecar.receipts.assignment.ranking import Calibration, logit
from sidecar.receipts.assignment.totals import TotalCandidate, candidates_for_total
from sidecar.receipts.roles.roles import LineClass, Role

_MIN_TOTAL = 0.3  # probability below which an amount is not given as the total
_ITEM = 0.1  # probability from which an amount may be an item's price
_MIN_SCORE = -6.0  # of an explanation that is preferred to the likeliest roles
_SURE = -2.5  # ... that a second reading of a character may rest on
_DOUBTED = 0.7  # the most confidence in the total of a text that may not be one receipt
_MIN_MATCH = 0.9  # probability that all items are right, to say that they match
_MIN_LEAD = 0.7  # over an explanation with other items, to say that the items match


@dataclass(frozen=True, slots=True)
class ReadAmount:
    """An amount with its probability of being right."""

    value: Decimal
    confidence: float


@dataclass(frozen=True, slots=True)
class AmountReading:
    """What a receipt's amounts say."""

    total: ReadAmount | None
    subtotal: ReadAmount | None
    tax: ReadAmount | None
    items: tuple[ReadItem, ...]
    confidences: tuple[float, ...]
    """Of each item: that its name and its price are right."""
    prices: tuple[float, ...]
    """Of each item: that its price is that of an item."""
    matches_total: bool
    """Items, discounts and charges explain the total, and nothing else is nearly as likely."""
    adds_up: bool = False
    """Some items explain the total, if not surely those that were bought."""
    warnings: tuple[str, ...] = ()
    item_figures: tuple[tuple[float, ...], ...] = ()
    """Of each item, ITEM_FIGURES numbers from which its confidences follow."""
    match_figures: tuple[float, ...] = ()
    """MATCH_FIGURES numbers that tell whether the items are all right."""


def read_amounts(evidence: Evidence, calibration: Calibration) -> AmountReading:
    """Return the likeliest reading: of the total by all evidence, of the items by the total."""
    found = _search(evidence, calibration)
    warnings: tuple[str, ...] = ()
    if several_receipts(evidence):
        found, warnings = found.doubted(), (SEVERAL,)
    elif is_card_slip(evidence):
        found, warnings = found.doubted(), (CARD_SLIP,)
    if found.total is not None and found.explanation is None and not warnings:
        others = [
            (doubt, other)
            for doubt in doubts(evidence)
            if (other := _search(doubt.evidence, calibration)).sure
            and other.total is not None
            and (other.total.value == found.total.value or doubt.value == other.total.value)
        ]
        if len({(doubt.index, doubt.value) for doubt, _ in others}) == 1:
            doubt, found = others[0]
            evidence, warnings = doubt.evidence, (doubt.warning,)
    chosen = found.explanation or likeliest(evidence)
    if SEVERAL in warnings:  # lines of two receipts would make items that nobody sold
        chosen = Explanation(0.0, ())
    items = items_of(evidence, chosen)
    match_figures = _match_figures(evidence, found, items)
    matches = (
        found.explanation is not None
        and not found.doubt
        and calibration.chance("match", match_figures) >= _MIN_MATCH
    )
    figures = tuple(_item_figures(evidence, item, chosen, found) for item in items)
    return AmountReading(
        total=found.total,
        subtotal=_single(evidence, Role.SUBTOTAL),
        tax=_tax(evidence, found.total),
        items=tuple(items),
        confidences=tuple(round(calibration.chance("item", f), 3) for f in figures),
        prices=tuple(round(calibration.chance("price", f), 3) for f in figures),
        matches_total=matches,
        adds_up=found.explanation is not None and not found.doubt,
        warnings=warnings,
        item_figures=figures,
        match_figures=match_figures,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The likeliest total, and the items that explain it, if any do."""

    total: ReadAmount | None = None
    explanation: Explanation | None = None
    lead: float = 0.0
    """Log of how much likelier the explanation is than one with other items."""

    doubt: bool = False
    """Whether the text may not be one receipt with items."""

    def doubted(self) -> "_Found":
        """Return what was found with a lower confidence, and no claim that it adds up."""
        total = self.total and replace(self.total, confidence=min(_DOUBTED, self.total.confidence))
        return replace(self, total=total, doubt=True)

    @property
    def sure(self) -> bool:
        """Whether an explanation stands out so far that a character's second reading may rest on it."""
        return (
            self.explanation is not None
            and self.lead >= _MIN_LEAD
            and self.explanation.score > _SURE
        )


def _search(evidence: Evidence, calibration: Calibration) -> _Found:
    found = candidates_for_total(evidence, explanations(evidence))
    several = sum(evidence.role(index, Role.ITEM) > _ITEM for index, _, _ in evidence.amounts()) > 1
    candidates = [c for c in found if not several or _is_shown(evidence, c)]
    chances = calibration.choose("total", [c.figures for c in candidates])
    best = max(range(len(candidates)), key=lambda k: chances[k], default=None)
    if best is None or chances[best] < _MIN_TOTAL:
        return _Found()
    total = ReadAmount(candidates[best].value, round(chances[best], 3))
    explanation = _usable(candidates[best])
    if explanation is None:
        return _Found(total)
    return _Found(total, explanation, _lead(candidates[best]))


def _is_shown(evidence: Evidence, candidate: TotalCandidate) -> bool:
    """Whether some line shows an amount rather as a sum or a payment than as an item's price."""
    sums = (Role.TOTAL, Role.SUBTOTAL, Role.PAID)
    return any(
        max(evidence.role(index, role) for role in sums) >= evidence.role(index, Role.ITEM)
        for index in candidate.tokens
    )


def _usable(candidate: TotalCandidate) -> Explanation | None:
    first = next(iter(candidate.explanations), None)
    return first if first is not None and first.score >= _MIN_SCORE and first.items() else None


def _lead(candidate: TotalCandidate) -> float:
    """Return how much likelier the best explanation is than one with other items."""
    first, *others = candidate.explanations
    rivals = [e.score for e in others if e.items() != first.items()]
    return min(6.0, first.score - max(rivals)) if rivals else 6.0


MATCH_FIGURES = 11


def _match_figures(
    evidence: Evidence, found: _Found, items: Sequence[ReadItem]
) -> tuple[float, ...]:
    """Return what tells whether an explanation has the items that were bought, all and alone."""
    if found.explanation is None or found.total is None or not items:
        return (0.0,) * MATCH_FIGURES
    chosen = {index for index, _ in found.explanation.parts}
    prices = [evidence.role(item.total_token, Role.ITEM) for item in items]
    total = sum((item.net for item in items), Decimal(0))
    left = [
        evidence.role(index, Role.ITEM)
        for index, _, value in evidence.amounts()
        if index not in chosen and value != total  # a sum of the items is no missing one
    ]
    rows = {row for item in items for row in item.rows}
    first, last = min(rows), max(rows)
    unpriced = [
        evidence.line(row, LineClass.NAME_ABOVE) + evidence.line(row, LineClass.NAME_BELOW)
        for row in range(first, last)
        if row not in rows
    ]
    others = sum(role is not Role.ITEM for _, role in found.explanation.parts)
    return (
        found.explanation.score / 4,
        found.lead / 6,
        _logit(found.total.confidence) / 4,
        _logit(min(prices)) / 4,
        sum(map(_logit, prices)) / len(prices) / 4,
        _logit(max(left, default=0.0)) / 4,
        min(2.0, sum(unpriced)),
        float(total == found.total.value),
        min(3, others) / 3,
        math.log1p(len(items)),
        sum(item.name_confidence for item in items) / len(items),
    )


ITEM_FIGURES = 9


def _item_figures(
    evidence: Evidence, item: ReadItem, chosen: Explanation, found: _Found
) -> tuple[float, ...]:
    price = evidence.role(item.total_token, Role.ITEM)
    letters = sum(map(str.isalpha, item.name))
    return (
        _logit(price),
        _logit(item.name_confidence),
        float(found.sure),
        found.lead / 6,
        max(-8.0, chosen.score) / 8,
        float(item.proved),
        min(1.0, letters / 10),
        sum(map(str.isdigit, item.name)) / max(1, len(item.name)),
        float(len(item.rows) > 1),
    )


def _logit(probability: float) -> float:
    return logit(probability, 1e-3)


def _single(evidence: Evidence, role: Role) -> ReadAmount | None:
    best = max(evidence.amounts(), key=lambda a: evidence.role(a[0], role), default=None)
    if best is None or evidence.role(best[0], role) < 0.5:
        return None
    return ReadAmount(abs(best[2]), round(min(0.97, evidence.role(best[0], role)), 3))


def _tax(evidence: Evidence, total: ReadAmount | None) -> ReadAmount | None:
    """Return the whole tax: a printed sum of the others, the only amount, or each rate's added."""
    found = {
        abs(value): evidence.role(index, Role.TAX)
        for index, _, value in evidence.amounts()
        if evidence.role(index, Role.TAX) > 0.5 and value
    }
    if total is not None:
        found = {value: p for value, p in found.items() if value < abs(total.value) / 2}
    if not found:
        return None
    if len(found) == 1:
        value, p = next(iter(found.items()))
        return ReadAmount(value, round(min(0.95, p), 3))
    largest = max(found)
    rest = sum(found.values()) / len(found)
    if abs(sum(found, Decimal(0)) - 2 * largest) <= Decimal("0.011"):
        return ReadAmount(largest, round(min(0.95, rest), 3))
    return ReadAmount(sum(found, Decimal(0)), round(0.6 * rest, 3))
