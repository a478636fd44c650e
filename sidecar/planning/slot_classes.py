"""Where a dish may stand, as few columns as tell its places apart.

Slots of the same meal and the same limits form a class. Within a class, time matters to a dish only
where one of its own ingredients at home expires: between such days its slots are one cell, a run of
the class's slots in order of time. Any counts of dishes in cells can be spread over the slots if no
run of slots gets more than it has (Hall's condition, which for runs is enough; Glover, "Maximum
matching in a convex bipartite graph", 1967), by always serving the cell that ends first.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

from sidecar.planning.problem import OPEN, Plan, Problem

Slots = tuple[int, ...]  # of one class, in order of time


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A dish in one of the slots `first` to `last` (positions in its class) of a class."""

    dish: int
    of: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many slots it covers."""
        return self.last - self.first + 1


def classes(problem: Problem) -> tuple[Slots, ...]:
    """Slots in classes that no constraint tells apart; expiries may still."""
    locked = {lock.day for lock in problem.locks}
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for slot in problem.slots:
        day = problem.day(slot)
        shared = problem.day_budgets[day] is not None and len(problem.meals) > 1
        key = (
            problem.meal(slot),
            problem.slot_budgets[slot],
            problem.day_budgets[day],
            day if shared or day in locked else None,
        )
        found[key].append(slot)
    return tuple(tuple(slots) for slots in found.values())


def slot_runs(problem: Problem, of: Sequence[Slots]) -> Iterator[SlotRun]:
    """Every dish in every class that it fits, in runs of slots that are alike to it."""
    days = [[problem.day(slot) for slot in slots] for slots in of]
    for dish, candidate in enumerate(problem.dishes):
        expiries = {
            lot.expiry for stock, _ in candidate.needs for lot in problem.stocks[stock].lots
        }
        for number, slots in enumerate(of):
            if problem.fits(dish, slots[0]):
                starts = {0, *(bisect_right(days[number], expiry) for expiry in expiries)}
                edges = sorted(starts | {len(slots)})
                for first, end in pairwise(edges):
                    yield SlotRun(dish, number, first, end - 1)


def crowds(of: Sequence[SlotRun]) -> Iterator[tuple[list[int], int]]:
    """Places in `of` (cells of one class) that share some slots, and how many slots those are."""
    for first in sorted({cell.first for cell in of}):
        for last in sorted({cell.last for cell in of}):
            inside = [n for n, cell in enumerate(of) if first <= cell.first and cell.last <= last]
            if inside:
                yield inside, last - first + 1


def spread(problem: Problem, of: Sequence[Slots], counts: Sequence[tuple[SlotRun, int]]) -> Plan:
    """A plan with so many meals of each cell; what there is no slot for is left out."""
    plan = [OPEN] * len(problem.slots)
    starting: dict[tuple[int, int], list[SlotRun]] = defaultdict(list)
    for cell, count in counts:
        starting[cell.of, cell.first].extend([cell] * count)
    for number, slots in enumerate(of):
        waiting: list[tuple[int, int]] = []
        for place, slot in enumerate(slots):
            for cell in starting[number, place]:
                heappush(waiting, (cell.last, cell.dish))
            while waiting and plan[slot] == OPEN:
                last, dish = heappop(waiting)
                if place <= last:
                    plan[slot] = dish
    return tuple(plan)
