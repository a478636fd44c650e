"""The objective function and the constraint check, in exact arithmetic.

Food at home is used first-expiry-first-out. Cooking on day d takes from the lot that expires first
of those not yet expired (expiry >= d); what no lot covers is bought. An ingredient that is bought
at all counts as one purchase for the whole plan.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from sidecar.planning.problem import OPEN, Plan, Problem, Stock

Use = tuple[int, int]  # (day, quantity) taken from a stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The consequences of a plan. Quantities are in thousandths, `score` in points."""

    used: dict[int, tuple[int, ...]]  # stock -> quantity taken from each lot
    shortfalls: dict[int, int]  # stock -> quantity to buy, where that is more than 0
    purchases: frozenset[int]  # items
    cuisines: frozenset[str]
    score: Fraction

    @property
    def objective(self) -> int:  # the score in whole points
        return floor(self.score)


def allocate(stock: Stock, uses: Sequence[Use]) -> list[tuple[int, ...]]:
    """Return what each use takes from each lot. Uses must be in order of time."""
    remaining = [lot.quantity for lot in stock.lots]
    taken: list[tuple[int, ...]] = []
    for day, quantity in uses:
        required = quantity
        parts = [0] * len(remaining)
        for number, lot in enumerate(stock.lots):
            if lot.expiry >= day:
                parts[number] = min(remaining[number], required)
                remaining[number] -= parts[number]
                required -= parts[number]
        taken.append(tuple(parts))
    return taken


def consume(stock: Stock, uses: Iterable[Use]) -> tuple[tuple[int, ...], int]:
    """Return what all uses together take from each lot, and the shortfall."""
    in_order = sorted(uses)
    parts = allocate(stock, in_order)
    used = tuple(sum(part[number] for part in parts) for number in range(len(stock.lots)))
    return used, sum(quantity for _, quantity in in_order) - sum(used)


def rescue_points(stock: Stock, used: Sequence[int]) -> Fraction:
    """Return the points for using these quantities of the stock's lots."""
    return sum(
        (rate * quantity for rate, quantity in zip(stock.rates, used, strict=True)), Fraction(0)
    )


def stock_uses(problem: Problem, plan: Plan) -> dict[int, list[Use]]:
    """Return each stock's uses in order of time."""
    uses: dict[int, list[Use]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            for stock, quantity in problem.dishes[dish].needs:
                uses[stock].append((problem.day(slot), quantity))
    return uses


def assess(problem: Problem, plan: Plan) -> Assessment:
    """Compute what a plan uses, buys and scores."""
    uses = stock_uses(problem, plan)
    score = Fraction(
        sum(problem.meal_points(dish, slot) for slot, dish in enumerate(plan) if dish != OPEN)
    )
    used: dict[int, tuple[int, ...]] = {}
    shortfalls: dict[int, int] = {}
    for number in sorted(uses):
        stock = problem.stocks[number]
        used[number], shortfall = consume(stock, uses[number])
        score += rescue_points(stock, used[number])
        if shortfall:
            shortfalls[number] = shortfall
    cooked = [dish for dish in plan if dish != OPEN]
    purchases = frozenset(problem.stocks[stock].item for stock in shortfalls)
    cuisines = frozenset(
        cuisine for dish in cooked if (cuisine := problem.dishes[dish].cuisine) is not None
    )
    repeats = len(cooked) - len(set(cooked))
    score -= problem.weights.purchase * len(purchases) + problem.weights.repeat * repeats
    score += problem.weights.cuisine * len(cuisines)
    return Assessment(
        used=used, shortfalls=shortfalls, purchases=purchases, cuisines=cuisines, score=score
    )


def count_meals(plan: Plan) -> int:
    """Return the number of filled slots."""
    return sum(dish != OPEN for dish in plan)


def rank(problem: Problem, plan: Plan) -> tuple[int, int]:
    """Return a plan's sort key: more meals first, then a higher objective."""
    return count_meals(plan), assess(problem, plan).objective


def is_feasible(problem: Problem, plan: Plan) -> bool:
    """Return whether a plan satisfies every constraint of the request."""
    minutes = [0] * problem.days
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        if not problem.fits(dish, slot):
            return False
        minutes[problem.day(slot)] += problem.dishes[dish].minutes
    counts = Counter(dish for dish in plan if dish != OPEN)
    return (
        all(count <= problem.max_repeats for count in counts.values())
        and all(
            budget is None or spent <= budget
            for spent, budget in zip(minutes, problem.day_budgets, strict=True)
        )
        and all(
            any(plan[slot] == lock.dish for slot in problem.lock_slots(lock))
            for lock in problem.locks
        )
        and (problem.max_items is None or len(assess(problem, plan).purchases) <= problem.max_items)
    )
