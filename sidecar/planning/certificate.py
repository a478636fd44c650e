"""Certificates: Z3 checks that a plan is feasible and reaches its claimed score.

The check shares no line with the search or the bounds. It states in exact rational arithmetic that
food can be allocated to each day's cooking from lots not yet expired so that only listed items are
bought, that each constraint holds, and that the claimed points are reached.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

import z3

from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import Assessment, stock_uses


def certify(problem: Problem, plan: Plan, claim: Assessment) -> bool:
    """Return whether Z3 finds the plan feasible and the claim (purchases and score) attainable."""
    context = z3.Context()
    solver = z3.SolverFor("QF_LRA", ctx=context)
    solver.from_string("\n".join(_statements(problem, plan, claim)))
    return bool(solver.check() == z3.sat)


def _statements(problem: Problem, plan: Plan, claim: Assessment) -> Iterator[str]:
    yield from _constraints(problem, plan)
    if problem.max_items is not None:
        yield f"(assert (<= {len(claim.purchases)} {problem.max_items}))"
    points = [_number(_fixed_points(problem, plan, claim))]
    for stock, uses in stock_uses(problem, plan).items():
        lots = problem.stocks[stock].lots
        by_day: Counter[int] = Counter()
        for day, quantity in uses:
            by_day[day] += quantity
        by_lot: dict[int, list[str]] = defaultdict(list)
        for day, quantity in by_day.items():
            parts = []
            for number, lot in enumerate(lots):
                if lot.expiry >= day:
                    part = f"a{stock}_{number}_{day}"
                    yield f"(declare-const {part} Real)(assert (>= {part} 0))"
                    parts.append(part)
                    by_lot[number].append(part)
            if problem.stocks[stock].item in claim.purchases:
                parts.append(f"b{stock}_{day}")
                yield f"(declare-const {parts[-1]} Real)(assert (>= {parts[-1]} 0))"
            yield f"(assert (= {_sum(parts)} {quantity}.0))"
        for number, parts in by_lot.items():
            yield f"(assert (<= {_sum(parts)} {lots[number].quantity}.0))"
            if rate := problem.stocks[stock].rates[number]:
                points.append(f"(* {_number(rate)} {_sum(parts)})")
    yield f"(assert (>= {_sum(points)} {_number(claim.score)}))"


def _constraints(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield the constraints on dishes and minutes, instantiated for the plan."""
    width = len(problem.meals)
    minutes: dict[int, list[int]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        chosen = problem.dishes[dish]
        minutes[problem.day(slot)].append(chosen.minutes)
        barred = (
            chosen.excluded
            or chosen.lacking
            or chosen.barred
            or problem.meal(slot) not in chosen.meals
        )
        yield f"(assert {'false' if barred else 'true'})"
        if (budget := problem.slot_budgets[slot]) is not None:
            yield f"(assert (<= {chosen.minutes} {budget}))"
    for day, budget in enumerate(problem.day_budgets):
        if budget is not None:
            yield f"(assert (<= {_sum([str(spent) for spent in minutes[day]])} {budget}))"
    for dish, count in Counter(plan).items():
        if dish != OPEN:
            yield f"(assert (<= {count} {problem.max_repeats}))"
    for lock in problem.locks:
        meals = plan[lock.day * width : (lock.day + 1) * width]
        options = meals if lock.meal is None else meals[lock.meal : lock.meal + 1]
        matches = " ".join(f"(= {dish + 1} {lock.dish + 1})" for dish in options)
        yield f"(assert (or false {matches}))"


def _fixed_points(problem: Problem, plan: Plan, claim: Assessment) -> Fraction:
    """Return the points that don't depend on the allocation of food."""
    cooked = [(slot, dish) for slot, dish in enumerate(plan) if dish != OPEN]
    cuisines = {problem.dishes[dish].cuisine for _, dish in cooked} - {None}
    repeats = len(cooked) - len({dish for _, dish in cooked})
    return Fraction(
        sum(problem.meal_points(dish, slot) for slot, dish in cooked)
        + problem.weights.cuisine * len(cuisines)
        - problem.weights.repeat * repeats
        - problem.weights.purchase * len(claim.purchases)
    )


def _sum(terms: list[str]) -> str:
    return f"(+ 0 {' '.join(terms)})"


def _number(value: Fraction) -> str:
    size = f"(/ {abs(value.numerator)}.0 {value.denominator}.0)"
    return f"(- {size})" if value < 0 else size
