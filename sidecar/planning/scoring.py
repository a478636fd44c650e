"""What a plan uses, buys, saves and is worth: the one exact definition, in plain arithmetic.

Food at home is used first-expiry-first-out. Cooking on day d takes from the lot that expires first
of those not yet expired (expiry >= d); what no lot covers is bought. An ingredient bought at all is
one purchase for the whole plan.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from sidecar.planning.problem import OPEN, Plan, Problem, Stock


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


def allot(stock: Stock, uses: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """What each (day, quantity) use, given in order of time, takes of each lot."""
    left = [lot.quantity for lot in stock.lots]
    taken: list[tuple[int, ...]] = []
    for day, quantity in uses:
        wanted = quantity
        parts = [0] * len(left)
        for number, lot in enumerate(stock.lots):
            if lot.expiry >= day:
                parts[number] = min(left[number], wanted)
                left[number] -= parts[number]
                wanted -= parts[number]
        taken.append(tuple(parts))
    return taken


def take(stock: Stock, uses: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], int]:
    """What (day, quantity) uses take of each lot together, and what they leave short."""
    shares = allot(stock, sorted(uses))
    used = tuple(sum(share[number] for share in shares) for number in range(len(stock.lots)))
    return used, sum(quantity for _, quantity in uses) - sum(used)


def uses_of(problem: Problem, plan: Plan) -> dict[int, list[tuple[int, int]]]:
    """The (day, quantity) uses of each stock, in order of time."""
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            for stock, quantity in problem.dishes[dish].needs:
                uses[stock].append((problem.day(slot), quantity))
    return uses


def assess(problem: Problem, plan: Plan) -> Assessment:
    """Cook a plan through, day by day."""
    uses = uses_of(problem, plan)
    worth = Fraction(
        sum(problem.meal_points(dish, slot) for slot, dish in enumerate(plan) if dish != OPEN)
    )
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
