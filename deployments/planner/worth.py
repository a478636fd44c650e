"""What a plan uses, buys, saves and is worth: the one exact definition, in plain arithmetic.

Food at home is used first-expiry-first-out. Cooking on day d takes from the lot that expires first
of those not yet expired (expiry >= d); what no lot covers is bought. An ingredient bought at all is
one purchase for the whole plan.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from deployments.planner.problem import OPEN, Plan, Problem, Stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A plan's consequences. Quantities are in thousandths, `worth` in points."""

    used: dict[int, tuple[int, ...]]  # stock -> what is taken of each lot
    short: dict[int, int]  # stock -> what must be bought, where that is more than nothing
    purchases: frozenset[int]  # items
    cuisines: frozenset[str]
    repeats: int
    worth: Fraction

    @property
    def points(self) -> int:
        """Worth in whole points: the objective."""
        return floor(self.worth)


def take(stock: Stock, uses: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], int]:
    """What (day, quantity) uses take of each lot, first expiry first, and what is left short."""
    left = [lot.quantity for lot in stock.lots]
    short = 0
    for day, wanted in sorted(uses):
        for number, lot in enumerate(stock.lots):
            if lot.expiry >= day and left[number]:
                taken = min(left[number], wanted)
                left[number] -= taken
                wanted -= taken
        short += wanted
    return tuple(lot.quantity - rest for lot, rest in zip(stock.lots, left, strict=True)), short


def assess(problem: Problem, plan: Plan) -> Assessment:
    """Cook a plan through, day by day."""
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    worth = Fraction(0)
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        worth += problem.meal_points(dish, slot)
        for stock, quantity in problem.dishes[dish].needs:
            uses[stock].append((problem.day(slot), quantity))
    used: dict[int, tuple[int, ...]] = {}
    short: dict[int, int] = {}
    for number in sorted(uses):
        stock = problem.stocks[number]
        used[number], missing = take(stock, uses[number])
        worth += sum(
            (rate * taken for rate, taken in zip(stock.rates, used[number], strict=True)),
            Fraction(0),
        )
        if missing:
            short[number] = missing
    cooked = [dish for dish in plan if dish != OPEN]
    purchases = frozenset(problem.stocks[stock].item for stock in short)
    cuisines = frozenset(
        cuisine for dish in cooked if (cuisine := problem.dishes[dish].cuisine) is not None
    )
    repeats = len(cooked) - len(set(cooked))
    worth -= problem.points.purchase * len(purchases) + problem.points.repeat * repeats
    worth += problem.points.cuisine * len(cuisines)
    return Assessment(
        used=used,
        short=short,
        purchases=purchases,
        cuisines=cuisines,
        repeats=repeats,
        worth=worth,
    )


def filled(plan: Plan) -> int:
    """How many slots hold a meal."""
    return sum(dish != OPEN for dish in plan)


def rank(problem: Problem, plan: Plan) -> tuple[int, int]:
    """What makes a plan better: more meals first, then more points."""
    return filled(plan), assess(problem, plan).points


def permitted(problem: Problem, plan: Sequence[int]) -> bool:
    """Whether a plan keeps every constraint of the request."""
    counts: dict[int, int] = defaultdict(int)
    minutes = [0] * problem.days
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        if not problem.fits(dish, slot):
            return False
        counts[dish] += 1
        minutes[problem.day(slot)] += problem.dishes[dish].minutes
    if any(count > problem.max_repeats for count in counts.values()):
        return False
    for spent, budget in zip(minutes, problem.day_budgets, strict=True):
        if budget is not None and spent > budget:
            return False
    width = len(problem.meals)
    for lock in problem.locks:
        day = plan[lock.day * width : (lock.day + 1) * width]
        if lock.dish not in (day if lock.meal is None else day[lock.meal : lock.meal + 1]):
            return False
    return (
        problem.max_items is None
        or len(assess(problem, tuple(plan)).purchases) <= problem.max_items
    )
