"""Other plans that are nearly as good, for whoever doesn't fancy the best one."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from sidecar.planning.local_search import SearchState, SearchTables, refill, state_of
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, filled

_TRIES = 120
_LEAST_DIFFERENCE = 2
_NEAR_PURCHASES = 2  # an alternative may be worth this many purchases less than the best plan


def difference(one: Plan, other: Plan) -> int:
    """How many dishes of one plan the other doesn't cook; moving a dish to another day is none."""
    return sum((Counter(one) - Counter(other)).values())


def alternatives(
    tables: SearchTables,
    best: Plan,
    pins: Mapping[int, int],
    most: int,
    stop: Callable[[], bool],
    seed: int = 1,
) -> list[Plan]:
    """Up to `most` plans of near-equal worth, each two meals or more from every other, best first.

    Each try takes a few of the best plan's dishes off the table and fills the gaps anew.
    """
    problem = tables.problem
    free = np.array([slot for slot in problem.slots if slot not in pins and best[slot] != OPEN])
    if most == 0 or len(free) < _LEAST_DIFFERENCE:
        return []
    draw = np.random.Generator(np.random.PCG64(seed))
    start = state_of(tables, best)
    values: dict[Plan, float] = {}
    for _ in range(_TRIES):
        if stop():
            break
        size = min(len(free), int(draw.integers(_LEAST_DIFFERENCE, _LEAST_DIFFERENCE + 2)))
        kitchen = _without(start, [int(slot) for slot in draw.choice(free, size, replace=False)])
        values[tuple(kitchen.plan)] = kitchen.value()
    floor = assess(problem, best).points - _tolerance(problem)
    worth: dict[Plan, int] = {}
    for plan in sorted(values, key=lambda plan: (-values[plan], plan)):
        if len(worth) == most or filled(plan) < filled(best):
            break
        if all(difference(plan, other) >= _LEAST_DIFFERENCE for other in (best, *worth)):
            points = assess(problem, plan).points
            if points < floor:  # and so are the rest
                break
            worth[plan] = points
    return sorted(worth, key=lambda plan: (-worth[plan], plan))


def _without(start: SearchState, slots: list[int]) -> SearchState:
    """The kitchen with other dishes in these slots."""
    kitchen = start.copy()
    banned = {kitchen.plan[slot] for slot in slots}
    for slot in slots:
        kitchen.clear(slot)
    for slot in slots:
        refill(kitchen, slot, banned)
    return kitchen


def _tolerance(problem: Problem) -> int:
    points = problem.points
    return _NEAR_PURCHASES * max(points.purchase, points.cuisine, points.favourite)
