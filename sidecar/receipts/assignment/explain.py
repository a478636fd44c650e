"""Explanations: choices of roles whose items, discounts, charges and taxes come to a sum.

One dynamic program over the rows finds, for every sum that can be reached, the two likeliest choices:
a knapsack in which each amount may be an item (+), a discount (-), a charge or an added tax (+), or
nothing. The second choice tells how sure the first is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.roles.roles import LineClass, Role

SCALE = 1000
"""Sums are integers, in thousandths of the currency's unit."""
_MIN_RATIO = 1e-3  # of a role's probability to that of the likeliest role
_BEAM = 240  # sums that are kept
_MIN_SCORE = -9.0  # below the best; less likely choices are dropped
_MAX_ROW_OPTIONS = 8
_MAX_COMBINATIONS = 400  # of the roles of a row's amounts
_TAX_ADDED = math.log(0.4)  # most prices include the tax
_UNNAMED = 0.5  # how likely an item without a name is beside one with a name
_SECOND_ITEM = math.log(0.02)  # of one line


@dataclass(frozen=True, slots=True)
class Explanation:
    """Tokens that have a part in a sum."""

    score: float
    """Log of the probability's ratio to that of the likeliest roles; 0 is certain."""
    parts: tuple[tuple[int, Role], ...]
    """Index of a token, and its role: ITEM, DISCOUNT, CHARGE or TAX."""

    def items(self) -> tuple[int, ...]:
        return tuple(index for index, role in self.parts if role is Role.ITEM)


_Chain = tuple[tuple[tuple[int, Role], ...], "_Chain"] | None
_State = tuple[float, _Chain]


def likeliest(evidence: Evidence) -> Explanation:
    """Return the likeliest role of each amount on its own, whatever the sum."""
    parts: list[tuple[int, Role]] = []
    taken: dict[int, tuple[float, int]] = {}
    for index, token, value in evidence.amounts():
        role = Role(int(evidence.roles[index].argmax()))
        if role is Role.ITEM:
            probability = evidence.role(index, Role.ITEM)
            if token.row in taken and taken[token.row][0] >= probability:
                continue
            taken[token.row] = (probability, index)
        elif role in (Role.DISCOUNT, Role.CHARGE) and value:
            parts.append((index, role))
    parts += [(index, Role.ITEM) for _, index in taken.values()]
    return Explanation(0.0, tuple(sorted(parts)))


def explanations(evidence: Evidence) -> Mapping[int, tuple[Explanation, ...]]:
    """Return, by the sum, its likeliest one or two explanations that differ in their items."""
    states: dict[int, list[_State]] = {0: [(0.0, None)]}
    shift = 0
    for options in _row_options(evidence):
        if len(options) == 1:
            contribution, score, parts = options[0]
            shift += contribution
            if parts or score:
                states = {
                    total: [(s + score, (parts, chain)) for s, chain in ranked]
                    for total, ranked in states.items()
                }
            continue
        following: dict[int, list[_State]] = {}
        lowest = max(ranked[0][0] for ranked in states.values()) + options[0][1] + _MIN_SCORE
        for contribution, score, parts in options:
            for total, ranked in states.items():
                for s, chain in ranked:
                    if s + score < lowest:
                        break
                    state: _State = (s + score, (parts, chain) if parts else chain)
                    following.setdefault(total + contribution, []).append(state)
        for ranked in following.values():
            if len(ranked) > 1:
                ranked.sort(key=lambda state: -state[0])
                del ranked[2:]
        if len(following) > _BEAM:
            kept = sorted(following.items(), key=lambda item: -item[1][0][0])[:_BEAM]
            following = dict(kept)
        states = following
    return {
        total + shift: tuple(Explanation(score, _unroll(chain)) for score, chain in ranked)
        for total, ranked in states.items()
    }


def _unroll(chain: _Chain) -> tuple[tuple[int, Role], ...]:
    parts: list[tuple[int, Role]] = []
    while chain is not None:
        parts += chain[0]
        chain = chain[1]
    return tuple(sorted(parts))


_Option = tuple[int, float, tuple[tuple[int, Role], ...]]


def _row_options(evidence: Evidence) -> list[list[_Option]]:
    """Return, for each row with amounts, what it may contribute: sum, score, parts."""
    by_row: dict[int, list[list[_Option]]] = {}
    named = _named(evidence)
    for index, token, value in evidence.amounts():
        options = _token_options(evidence, index, round(value * SCALE), named[index])
        if len(options) > 1 or options[0][2]:
            by_row.setdefault(token.row, []).append(options)
    rows = []
    for choices in by_row.values():
        while math.prod(map(len, choices)) > _MAX_COMBINATIONS:
            widest = max(range(len(choices)), key=lambda k: len(choices[k]))
            choices[widest] = choices[widest][: max(1, len(choices[widest]) - 1)]
        combined: dict[int, _Option] = {}
        for choice in product(*choices):
            parts = tuple(part for option in choice for part in option[2])
            items = sum(role is Role.ITEM for _, role in parts)
            score = sum(option[1] for option in choice) + max(0, items - 1) * _SECOND_ITEM
            total = sum(option[0] for option in choice)
            if total not in combined or combined[total][1] < score:
                combined[total] = (total, score, parts)
        ranked = sorted(combined.values(), key=lambda option: -option[1])[:_MAX_ROW_OPTIONS]
        rows.append(ranked)
    return rows


def _named(evidence: Evidence) -> dict[int, float]:
    """Return, for each amount, the probability that a name stands on its line or one attached."""
    names = [
        max((evidence.role(i, Role.NAME) for i in evidence.of_row(row)), default=0.0)
        for row in range(len(evidence.lines))
    ]
    above = [evidence.line(row, LineClass.NAME_ABOVE) for row in range(len(evidence.lines))]
    below = [evidence.line(row, LineClass.NAME_BELOW) for row in range(len(evidence.lines))]
    best = []
    for row, own in enumerate(names):
        up = max((min(names[r], above[r]) for r in range(max(0, row - 2), row)), default=0.0)
        down = min(names[row + 1], below[row + 1]) if row + 1 < len(names) else 0.0
        best.append(max(own, up, down))
    return {index: best[token.row] for index, token, _ in evidence.amounts()}


def _token_options(evidence: Evidence, index: int, value: int, named: float) -> list[_Option]:
    """Return what a token may contribute, likeliest first, with log ratios of probability.

    An item without a name is less likely, by the probability `named` that it has one.
    """
    roles = evidence.roles[index]
    adding = {Role.ITEM, Role.DISCOUNT, Role.CHARGE, Role.TAX}
    nothing = max(float(p) for role, p in enumerate(roles) if role not in adding)
    nothing = max(nothing, float(roles[Role.TAX]))  # a tax that the prices include
    best = max(float(roles.max()), nothing)
    options: list[_Option] = []
    if nothing >= _MIN_RATIO * best:
        options.append((0, math.log(nothing / best), ()))
    if value or float(roles[Role.ITEM]) == best:
        for role, contribution, cost in (
            (Role.ITEM, value, math.log(_UNNAMED + (1 - _UNNAMED) * named)),
            (Role.DISCOUNT, -abs(value), 0.0),
            (Role.CHARGE, value, 0.0),
            (Role.TAX, value, _TAX_ADDED),
        ):
            probability = float(roles[role])
            if probability >= _MIN_RATIO * best:
                options.append(
                    (contribution, math.log(probability / best) + cost, ((index, role),))
                )
    if not options:
        options.append((0, 0.0, ()))
    return sorted(options, key=lambda option: -option[1])
