"""Symmetry reduction: slots in classes, and the runs of slots that are interchangeable for a dish.

Slots of the same meal and the same limits form a class. Within a class, time matters to a dish only
where one of its own ingredients at home expires: between such days its slots form one run, in order
of time. Any counts of dishes per run can be assigned to slots if no interval of slots gets more
dishes than it has slots (Hall's condition, which is sufficient for intervals; Glover, "Maximum
matching in a convex bipartite graph", 1967), by always serving the run that ends first.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

from sidecar.planning.problem import OPEN, Plan, Problem

SlotClass = tuple[int, ...]  # slots in order of time


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A dish in any of the slots `first` to `last`, which are positions in its slot class."""

    dish: int
    slot_class: int
    first: int
    last: int


def slot_classes(problem: Problem) -> tuple[SlotClass, ...]:
    """Group the slots that no constraint distinguishes; expiry dates may still do so."""
    locked = {lock.day for lock in problem.locks}
    by_limits: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for slot in problem.slots:
        day = problem.day(slot)
        shared = problem.day_budgets[day] is not None and len(problem.columns) > 1
        key = (
            problem.meal(slot),
            problem.sitting_budgets[problem.sitting(slot)],
            problem.slot_habits.get(slot),
            problem.day_budgets[day],
            day if shared or day in locked else None,
        )
        by_limits[key].append(slot)
    return tuple(tuple(slots) for slots in by_limits.values())


def slot_runs(problem: Problem, classes: Sequence[SlotClass]) -> Iterator[SlotRun]:
    """Yield the runs of every dish in every class that it fits."""
    days = [[problem.day(slot) for slot in slots] for slots in classes]
    for dish, candidate in enumerate(problem.dishes):
        expiries = {
            lot.expiry for stock, _ in candidate.needs for lot in problem.stocks[stock].lots
        }
        for number, slots in enumerate(classes):
            if problem.fits(dish, slots[0]):
                starts = {0, *(bisect_right(days[number], expiry) for expiry in expiries)}
                edges = sorted(starts | {len(slots)})
                for first, end in pairwise(edges):
                    yield SlotRun(dish, number, first, end - 1)


def intervals(runs: Sequence[SlotRun]) -> Iterator[tuple[list[int], int]]:
    """Yield the positions of the runs inside each interval of slots, and the interval's length.

    All runs must be of one class.
    """
    for first in sorted({run.first for run in runs}):
        for last in sorted({run.last for run in runs}):
            inside = [n for n, run in enumerate(runs) if first <= run.first and run.last <= last]
            if inside:
                yield inside, last - first + 1


def assign_slots(
    problem: Problem, classes: Sequence[SlotClass], counts: Sequence[tuple[SlotRun, int]]
) -> Plan:
    """Return a plan with the given number of meals of each run, dropping those without a slot."""
    plan = [OPEN] * len(problem.slots)
    starting: dict[tuple[int, int], list[SlotRun]] = defaultdict(list)
    for run, count in counts:
        starting[run.slot_class, run.first].extend([run] * count)
    for number, slots in enumerate(classes):
        waiting: list[tuple[int, int]] = []
        for position, slot in enumerate(slots):
            for run in starting[number, position]:
                heappush(waiting, (run.last, run.dish))
            while waiting and plan[slot] == OPEN:
                last, dish = heappop(waiting)
                if position <= last:
                    plan[slot] = dish
    return tuple(plan)
