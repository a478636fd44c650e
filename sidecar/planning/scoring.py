"""The objective function and the constraint check, in exact arithmetic.

Food at home is used first-expiry-first-out. Cooking on day d takes from the lot that expires first
of those not yet expired (expiry >= d); what no lot covers is bought. An ingredient that is bought
at all counts as one purchase for the whole plan.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor

from sidecar.planning.nutrition import broken_limits, penalty
from sidecar.planning.problem import OPEN, Plan, Problem, Stock

Use = tuple[int, int]  # (day, quantity) taken from a stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The consequences of a plan. Quantities are in parts, `score` in points."""

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
            for stock, quantity in problem.needs(dish, slot):
                uses[stock].append((problem.cooking_day(dish, slot), quantity))
    return uses


def cookings(problem: Problem, plan: Plan) -> list[tuple[int, int]]:
    """Return the (sitting, dish) pairs of a plan: a dish for several slots is cooked once.

    A leftover is a dish of its own, which takes no minutes.
    """
    return list(
        dict.fromkeys(
            (problem.sitting(slot), dish) for slot, dish in enumerate(plan) if dish != OPEN
        )
    )


def extra_dishes(problem: Problem, plan: Plan) -> int:
    """Return how many dishes are cooked because one doesn't feed everybody."""
    served = {(problem.service(slot), dish) for slot, dish in enumerate(plan) if dish != OPEN}
    return len(served) - len({service for service, _ in served})


def purchase_cost(problem: Problem, shortfalls: Mapping[int, int]) -> Fraction:
    """Return the price of the purchases, as far as it is known."""
    return sum(
        (problem.stocks[stock].cost(missing) for stock, missing in shortfalls.items()), Fraction(0)
    )


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
    cooked = [dish for _, dish in cookings(problem, plan)]
    purchases = frozenset(problem.stocks[stock].item for stock in shortfalls)
    cuisines = frozenset(
        cuisine for dish in cooked if (cuisine := problem.dishes[dish].cuisine) is not None
    )
    weights = problem.weights
    repeats = len(cooked) - len({problem.recipe(dish) for dish in cooked})
    score -= weights.purchase * len(purchases) + weights.repeat * repeats
    score += weights.cuisine * len(cuisines)
    if not problem.is_simple:
        score -= weights.extra_dish * extra_dishes(problem, plan)
        score -= weights.cost * purchase_cost(problem, shortfalls)
        score -= penalty(problem, plan)
    return Assessment(
        used=used, shortfalls=shortfalls, purchases=purchases, cuisines=cuisines, score=score
    )


def count_meals(plan: Plan) -> int:
    """Return the number of filled slots."""
    return sum(dish != OPEN for dish in plan)


def count_fed(problem: Problem, plan: Plan) -> int:
    """Return the number of filled slots, each as often as people eat there."""
    if not problem.people:
        return count_meals(plan)
    return sum(problem.diners(slot) for slot, dish in enumerate(plan) if dish != OPEN)


def rank(problem: Problem, plan: Plan) -> tuple[int, int]:
    """Return a plan's sort key: more meals first, then a higher objective."""
    return count_fed(problem, plan), assess(problem, plan).objective


def is_feasible(problem: Problem, plan: Plan) -> bool:
    """Return whether a plan satisfies every constraint of the request."""
    if not all(problem.fits(dish, slot) for slot, dish in enumerate(plan) if dish != OPEN):
        return False
    cooked = cookings(problem, plan)
    minutes = [0] * len(problem.sitting_budgets)
    days: dict[int, list[int]] = defaultdict(list)
    cooked_on: set[tuple[int, int]] = set()
    for sitting, dish in cooked:
        minutes[sitting] += problem.dishes[dish].minutes
        if not problem.dishes[dish].age:
            days[problem.recipe(dish)].append(sitting // len(problem.meals))
            cooked_on.add((sitting // len(problem.meals), dish))
    cooking_days = {day for day, _ in cooked_on}
    width = len(problem.meals)
    return (
        all(len(on) <= problem.max_repeats for on in days.values())
        and all(
            later - earlier >= problem.min_distance
            for on in days.values()
            for earlier, later in pairwise(sorted(on))
        )
        and not is_served_twice(problem, plan)
        and (problem.max_cooking_days is None or len(cooking_days) <= problem.max_cooking_days)
        and all(
            (sitting // width - problem.dishes[dish].age, problem.base(dish)) in cooked_on
            for sitting, dish in cooked
            if problem.dishes[dish].age
        )
        and all(
            budget is None or spent <= budget
            for spent, budget in zip(minutes, problem.sitting_budgets, strict=True)
        )
        and all(
            budget is None or sum(minutes[day * width : (day + 1) * width]) <= budget
            for day, budget in enumerate(problem.day_budgets)
        )
        and all(
            any(plan[slot] == lock.dish for slot in problem.lock_slots(lock))
            for lock in problem.locks
        )
        and not any(broken_limits(problem, plan, problem.limits))
        and _may_be_bought(problem, plan)
    )


def _may_be_bought(problem: Problem, plan: Plan) -> bool:
    if problem.max_items is None and problem.budget is None:
        return True
    assessment = assess(problem, plan)
    return (problem.max_items is None or len(assessment.purchases) <= problem.max_items) and (
        problem.budget is None or purchase_cost(problem, assessment.shortfalls) <= problem.budget
    )


def is_served_twice(problem: Problem, plan: Plan) -> bool:
    """Return whether a dish is in two courses of one sitting."""
    services = {(problem.service(slot), dish) for slot, dish in enumerate(plan) if dish != OPEN}
    return len(services) > len(cookings(problem, plan))
