"""Certificates: Z3 checks that a plan is feasible and reaches its claimed score.

The check shares no line with the search or the bounds. It states in exact rational arithmetic that
food can be allocated to each day's cooking from lots not yet expired so that only listed items are
bought, that each constraint holds, and that the claimed points are reached.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import z3

from sidecar.planning.problem import OPEN, Limit, Plan, Problem
from sidecar.planning.scoring import Assessment, stock_uses


def certify(problem: Problem, plan: Plan, claim: Assessment) -> bool:
    """Return whether Z3 finds the plan feasible and the claim (purchases and score) attainable."""
    context = z3.Context()
    packaged = any(stock.package for stock in problem.stocks)
    solver = z3.SolverFor("QF_LIRA" if packaged else "QF_LRA", ctx=context)
    solver.from_string("\n".join(_statements(problem, plan, claim)))
    return bool(solver.check() == z3.sat)


def _statements(problem: Problem, plan: Plan, claim: Assessment) -> Iterator[str]:
    yield from _constraints(problem, plan)
    if problem.max_items is not None:
        yield f"(assert (<= {len(claim.purchases)} {problem.max_items}))"
    points = [_number(_fixed_points(problem, plan, claim))]
    costs: list[str] = []
    for stock, uses in stock_uses(problem, plan).items():
        lots = problem.stocks[stock].lots
        by_day: Counter[int] = Counter()
        for day, quantity in uses:
            by_day[day] += quantity
        by_lot: dict[int, list[str]] = defaultdict(list)
        bought: list[str] = []
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
                bought.append(parts[-1])
                yield f"(declare-const {parts[-1]} Real)(assert (>= {parts[-1]} 0))"
            yield f"(assert (= {_sum(parts)} {quantity}.0))"
        for number, parts in by_lot.items():
            yield f"(assert (<= {_sum(parts)} {lots[number].quantity}.0))"
            if rate := problem.stocks[stock].rates[number]:
                points.append(f"(* {_number(rate)} {_sum(parts)})")
        if bought and (price := problem.stocks[stock].price):
            amount = _sum(bought)
            if package := problem.stocks[stock].package:
                yield f"(declare-const n{stock} Int)"
                amount = f"(* {package}.0 (to_real n{stock}))"
                yield f"(assert (<= {_sum(bought)} {amount}))"
            costs.append(f"(* {_number(price)} {amount})")
    if problem.budget is not None:
        yield f"(assert (<= {_sum(costs)} {_number(problem.budget)}))"
    if problem.weights.cost and costs:
        points.append(f"(* {_number(-problem.weights.cost)} {_sum(costs)})")
    yield f"(assert (>= {_sum(points)} {_number(claim.score)}))"


def _constraints(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield the constraints on dishes, people and minutes, instantiated for the plan."""
    cooked: dict[tuple[int, int], set[int]] = defaultdict(set)  # the dishes by day and meal
    courses: Counter[tuple[int, int, int]] = Counter()
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        chosen, column = problem.dishes[dish], problem.columns[slot % len(problem.columns)]
        base = dish if chosen.leftover_of is None else chosen.leftover_of
        day = slot // len(problem.columns)
        course = column.course, dish
        if course not in {
            (problem.columns[other % len(problem.columns)].course, plan[other])
            for other in range(day * len(problem.columns), slot)
            if problem.meal(other) == column.meal
        }:
            courses[day, column.meal, dish] += 1
        cooked[day, column.meal].add(dish)
        barred = (
            chosen.excluded
            or chosen.lacking
            or chosen.barred
            or slot in problem.closed
            or column.meal not in chosen.meals
            or (column.course is not None and column.course not in chosen.tags)
            or any(base in problem.people[person].denied for person in column.people)
            or any(base not in problem.habits[h].dishes for h in problem.slot_habits.get(slot, ()))
            or (slot in problem.no_cooking and not chosen.age)
            or (slot in problem.no_leftovers and chosen.age)
        )
        yield f"(assert {'false' if barred else 'true'})"
    for count in courses.values():
        yield f"(assert (<= {count} 1))"
    days: dict[int, list[int]] = defaultdict(list)
    of_recipe: dict[int, list[int]] = defaultdict(list)
    minutes: dict[int, list[int]] = defaultdict(list)
    for (day, meal), dishes in cooked.items():
        spent = [problem.dishes[dish].minutes for dish in sorted(dishes)]
        minutes[day] += spent
        if (budget := problem.sitting_budgets[day * len(problem.meals) + meal]) is not None:
            yield f"(assert (<= {_sum([str(part) for part in spent])} {budget}))"
        for dish in dishes:
            if not problem.dishes[dish].age:
                days[dish].append(day)
                of_recipe[problem.dishes[dish].recipe].append(day)
    for (day, _), dishes in cooked.items():
        for dish in dishes:
            if (fresh := problem.dishes[dish].leftover_of) is not None:
                cooked_on = day - problem.dishes[dish].age
                options = " ".join(f"(= {cooked_on} {other})" for other in days[fresh])
                yield f"(assert (or false {options}))"
    if problem.max_cooking_days is not None:
        cooking_days = {day for on in days.values() for day in on}
        yield f"(assert (<= {len(cooking_days)} {problem.max_cooking_days}))"
    for day, budget in enumerate(problem.day_budgets):
        if budget is not None:
            yield f"(assert (<= {_sum([str(spent) for spent in minutes[day]])} {budget}))"
    for cooked_days in of_recipe.values():
        yield f"(assert (<= {len(cooked_days)} {problem.max_repeats}))"
        for first, second in combinations(sorted(cooked_days), 2):
            yield f"(assert (>= (- {second} {first}) {problem.min_distance}))"
    for limit in problem.limits:
        if not limit.soft:
            filled = [plan[slot] for slot in limit.slots if plan[slot] != OPEN]
            eaten = _sum([_number(_nutrient(problem, limit, dish)) for dish in filled])
            if limit.maximum is not None:
                yield f"(assert (<= {eaten} {_number(limit.maximum)}))"
            if limit.minimum is not None and len(filled) == len(limit.slots):
                yield f"(assert (>= {eaten} {_number(limit.minimum)}))"
    for lock in problem.locks:
        locked = [plan[slot] for slot in problem.lock_slots(lock)]
        matches = " ".join(f"(= {dish + 1} {lock.dish + 1})" for dish in locked)
        yield f"(assert (or false {matches}))"


def _fixed_points(problem: Problem, plan: Plan, claim: Assessment) -> Fraction:
    """Return the points that don't depend on the allocation of food."""
    filled = [(slot, dish) for slot, dish in enumerate(plan) if dish != OPEN]
    cooked = {(problem.sitting(slot), dish) for slot, dish in filled}
    dishes = {problem.dishes[dish].recipe for _, dish in filled}
    served: dict[tuple[int, str | None], set[int]] = defaultdict(set)
    for slot, dish in filled:
        served[problem.sitting(slot), problem.column(slot).course].add(dish)
    cuisines = {problem.dishes[dish].cuisine for _, dish in filled} - {None}
    return Fraction(
        sum(problem.meal_points(dish, slot) for slot, dish in filled)
        + problem.weights.cuisine * len(cuisines)
        - problem.weights.repeat * (len(cooked) - len(dishes))
        - problem.weights.extra_dish * sum(len(dishes) - 1 for dishes in served.values())
        - problem.weights.purchase * len(claim.purchases)
    ) - sum(_missed(problem, plan, limit) for limit in problem.limits if limit.soft)


def _nutrient(problem: Problem, limit: Limit, dish: int) -> Fraction:
    return limit.servings * problem.dishes[dish].nutrition.get(limit.nutrient, Fraction(0))


def _missed(problem: Problem, plan: Plan, limit: Limit) -> Fraction:
    """Return the points that a soft limit costs."""
    filled = [plan[slot] for slot in limit.slots if plan[slot] != OPEN]
    eaten = sum((_nutrient(problem, limit, dish) for dish in filled), Fraction(0))
    below = max(Fraction(0), 1 - eaten / limit.minimum) if limit.minimum else Fraction(0)
    above = max(Fraction(0), eaten / limit.maximum - 1) if limit.maximum else Fraction(0)
    return problem.weights.nutrition * (below + above)


def _sum(terms: list[str]) -> str:
    return f"(+ 0 {' '.join(terms)})"


def _number(value: Fraction) -> str:
    size = f"(/ {abs(value.numerator)}.0 {value.denominator}.0)"
    return f"(- {size})" if value < 0 else size
