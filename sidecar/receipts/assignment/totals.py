"""The total: candidates among the printed amounts, ranked by words, payments and sums together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.explain import SCALE, Explanation
from sidecar.receipts.assignment.ranking import logit
from sidecar.receipts.roles.roles import Role

CANDIDATE_FIGURES = 13
_MAX_CANDIDATES = 12
_ROUNDING = 10  # thousandths: a cent


@dataclass(frozen=True, slots=True)
class TotalCandidate:
    """An amount that may be the total, with what speaks for it."""

    value: Decimal
    tokens: tuple[int, ...]
    """Where it is printed."""
    figures: tuple[float, ...]
    """CANDIDATE_FIGURES numbers for the ranking model."""
    explanations: tuple[Explanation, ...]
    """Of items that come to it, likeliest first."""


def candidates_for_total(
    evidence: Evidence, explained: Mapping[int, Sequence[Explanation]]
) -> list[TotalCandidate]:
    """Return the likeliest candidates, at most _MAX_CANDIDATES."""
    by_value: dict[int, list[int]] = {}
    for index, token, amount in evidence.amounts():
        if amount and (token.money or evidence.role(index, Role.TOTAL) > 0.2):
            by_value.setdefault(round(amount * SCALE), []).append(index)
    for negative in [v for v in by_value if v < 0 and -v in by_value]:
        # A refund's total is what its items come to; what is paid back is printed without a sign.
        is_refund = _explained(explained, negative) and not _explained(explained, -negative)
        kept, other = (negative, -negative) if is_refund else (-negative, negative)
        by_value[kept] += by_value.pop(other)
    chances = {
        value: 1 - math.prod(1 - evidence.role(index, Role.TOTAL) for index in indices)
        for value, indices in by_value.items()
    }
    paid, change = _values(evidence, Role.PAID), _values(evidence, Role.CHANGE)
    subtotals, taxes = _values(evidence, Role.SUBTOTAL), _values(evidence, Role.TAX)
    differences = {p - c for p in paid for c in change if c and p != c}
    sums = {s + t for s in subtotals for t in taxes}
    sums |= {s + sum(taxes) for s in subtotals}
    likely = sorted(by_value, key=lambda value: -chances[value] - 0.01 * (value in differences))
    likely = [v for v in likely if chances[v] > 1e-3 or v in differences][:_MAX_CANDIDATES]
    largest = max(map(abs, by_value), default=1)
    found = []
    for value in likely:
        best_other = max((chances[v] for v in likely if v != value), default=0.0)
        ranked = _explained(explained, value)
        score = ranked[0].score if ranked else -12.0
        second = ranked[1].score if len(ranked) > 1 else -12.0
        roles = [evidence.roles[index] for index in by_value[value]]
        figures = (
            logit(chances[value]),
            logit(max(float(r[Role.TOTAL]) for r in roles)),
            logit(best_other),
            float(value in differences),
            float(value in paid and not differences),
            float(value in sums),
            float(value in subtotals),
            max(-12.0, score) / 4,
            float(bool(ranked) and score > -3),
            min(3.0, score - second) / 3 if ranked else 0.0,
            min(4, len(by_value[value])) / 4,
            abs(value) / largest,
            max(float(r[Role.ITEM]) for r in roles),
        )
        found.append(
            TotalCandidate(Decimal(value) / SCALE, tuple(by_value[value]), figures, ranked)
        )
    return found


def _explained(
    explained: Mapping[int, Sequence[Explanation]], value: int
) -> tuple[Explanation, ...]:
    """Return the explanations of a sum within a cent, likeliest first."""
    near = [e for gap in range(-_ROUNDING, _ROUNDING + 1) for e in explained.get(value + gap, ())]
    return tuple(sorted(near, key=lambda e: -e.score)[:2])


def _values(evidence: Evidence, role: Role) -> set[int]:
    return {
        abs(round(value * SCALE))
        for index, _, value in evidence.amounts()
        if evidence.role(index, role) > 0.4
    }
