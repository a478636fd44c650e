"""Spreads repeats: of the orders of a plan that are as good, one with repeats far apart.

The objective doesn't see the order of interchangeable days, so "a a b b" is as good as "a b a b".
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations

from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, is_feasible

_MAX_ROUNDS = 20


def spread(problem: Problem, plan: Plan, stop: Callable[[], bool]) -> Plan:
    """Return the plan with sittings exchanged while that moves repeats apart at no cost."""
    score = None
    crowding = _crowding(problem, plan)
    for _ in range(_MAX_ROUNDS if crowding else 0):
        improved = False
        for other in _exchanges(problem, plan):
            if stop():
                return plan
            if (less := _crowding(problem, other)) >= crowding:
                continue
            if score is None:
                score = assess(problem, plan).score
            if is_feasible(problem, other) and assess(problem, other).score >= score:
                plan, crowding, improved = other, less, True
                break
        if not improved:
            break
    return plan


def _crowding(problem: Problem, plan: Plan) -> tuple[int, ...]:
    """Return how many pairs of a dish's sittings are 0, 1, 2, … days apart."""
    days: dict[int, dict[int, int]] = defaultdict(dict)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            days[dish][problem.sitting(slot)] = problem.day(slot)
    distances = Counter(
        abs(later - earlier)
        for sittings in days.values()
        for earlier, later in combinations(sittings.values(), 2)
    )
    return tuple(distances[number] for number in range(problem.days)) if distances else ()


def _exchanges(problem: Problem, plan: Plan) -> Iterator[Plan]:
    """Yield the plan with each two sittings exchanged that don't have the same dishes."""
    slots = [
        [
            slot
            for slot in problem.day_slots(sitting // len(problem.meals))
            if problem.sitting(slot) == sitting
        ]
        for sitting in range(len(problem.sitting_budgets))
    ]
    for first, second in combinations(slots, 2):
        dishes = [plan[slot] for slot in first], [plan[slot] for slot in second]
        if len(first) != len(second) or dishes[0] == dishes[1]:
            continue
        other = list(plan)
        for slot, dish in zip((*first, *second), (*dishes[1], *dishes[0]), strict=True):
            other[slot] = dish
        yield tuple(other)
