"""Rows that make maxima of nutrients strong in the linear relaxation.

Of two meals that exceed a maximum together, only one is eaten. For a threshold, the dishes of one
meal at or above it and those of the other that then are too much are a clique: at most one of them
is eaten. With two meals a period, cliques of all thresholds describe every pair that is allowed
(the conflict graph is bipartite, hence perfect); with more, those of each two meals
beside the least of the others.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from sidecar.planning.milp_builder import ProgramBuilder
from sidecar.planning.nutrition import amount
from sidecar.planning.problem import Limit, Problem

_TOLERANCE = 1e-9
_MAX_ROWS = 5_000

_Amounts = list[tuple[float, int]]  # of a slot's dishes, with their columns


def add_cliques(
    builder: ProgramBuilder, problem: Problem, eaten: Mapping[tuple[int, int], int], diners: int
) -> None:
    """Fix what is too much beside any other meal, and add the cliques of each hard maximum.

    `eaten` maps dishes and slots to columns; at least `diners` people are fed in all.
    """
    by_slot: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (dish, slot), column in eaten.items():
        by_slot[slot].append((dish, column))
    every_slot_is_filled = diners >= sum(problem.diners(slot) for slot in problem.slots)
    rows = 0
    for limit in problem.limits:
        if limit.soft or limit.maximum is None:
            continue
        amounts = {
            slot: [(float(amount(problem, limit, dish)), column) for dish, column in by_slot[slot]]
            for slot in limit.slots
        }
        least = {
            slot: min((value for value, _ in amounts[slot]), default=0.0) * every_slot_is_filled
            for slot in limit.slots
        }
        maximum = float(limit.maximum) * (1 + _TOLERANCE)
        for clique in _cliques(builder, limit, amounts, least, maximum):
            if rows == _MAX_ROWS:
                return
            builder.add_row(dict.fromkeys(clique, 1.0), 1)
            rows += 1


def _cliques(
    builder: ProgramBuilder,
    limit: Limit,
    amounts: Mapping[int, _Amounts],
    least: Mapping[int, float],
    maximum: float,
) -> Iterator[list[int]]:
    total = sum(least.values())
    allowed: dict[int, _Amounts] = {}
    for slot in limit.slots:
        room = maximum - (total - least[slot])
        for value, column in amounts[slot]:
            if value > room:
                builder.upper[column] = 0
        allowed[slot] = sorted((v, column) for v, column in amounts[slot] if v <= room)
    for first, second in combinations(limit.slots, 2):
        room = maximum - (total - least[first] - least[second])
        previous = 0
        for number, (value, _) in enumerate(allowed[first]):
            others = [column for other, column in allowed[second] if value + other > room]
            # The lowest threshold with these others has the largest clique.
            if len(others) > previous:
                yield [*(column for _, column in allowed[first][number:]), *others]
                previous = len(others)
