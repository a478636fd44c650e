"""Constraints that keep single dishes out of single slots, of an empty or a given plan."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil

import z3

from sidecar.planning.nutrition import broken_limits
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, consume, cookings, purchase_cost, stock_uses
from sidecar.planning.unsat_cores import (
    ConstraintConflict,
    ConstraintKind,
    UserConstraint,
    minimal_core,
)


def open_slot_conflict(problem: Problem, plan: Plan, slot: int) -> ConstraintConflict | None:
    """Return the constraints that keep every dish out of an open slot, None if no constraint does.

    None means that no dish fits this meal, or that one is not blocked at all.
    """
    partial = _PartialPlan(problem, plan)
    blockers = [partial.blockers(dish, slot) for dish in range(len(problem.dishes))]
    blocked = [constraints for constraints in blockers if constraints is not None]
    core = minimal_hitting_set(blocked) if blocked else None
    if core is None:
        return None
    # Of the dishes that one constraint alone keeps out, the least decides how far to loosen it.
    least: dict[UserConstraint, int] = {}
    for dish, constraints in enumerate(blockers):
        if constraints is not None and len(constraints) == 1:
            (constraint,) = constraints
            limit = partial.limit(constraint, dish, slot)
            least[constraint] = min(least.get(constraint, limit), limit)
    return ConstraintConflict(
        core,
        tuple(
            (constraint, least[constraint] if constraint.kind in _LIMITS else None)
            for constraint in core
            if constraint in least and constraint.kind is not ConstraintKind.SHOPPING
        ),
    )


_LIMITS = (
    ConstraintKind.DAY_BUDGET,
    ConstraintKind.MEAL_BUDGET,
    ConstraintKind.REPEATS,
    ConstraintKind.COST,
    ConstraintKind.COOKING_DAYS,
)


def blocking_sets(problem: Problem) -> set[frozenset[UserConstraint]]:
    """Return what blocks each dish in an empty plan, {frozenset()} if a dish is not blocked."""
    partial = _PartialPlan(problem, (OPEN,) * len(problem.slots))
    blocked: set[frozenset[UserConstraint]] = set()
    for slot in _representative_slots(problem):
        for dish in range(len(problem.dishes)):
            constraints = partial.blockers(dish, slot)
            if constraints is None:
                continue
            if not constraints:
                return {constraints}
            blocked.add(constraints)
    return blocked


def _representative_slots(problem: Problem) -> list[int]:
    """Return the slots with time limits, and the first of each column's slots without one."""
    representatives: dict[tuple[object, ...], int] = {}
    for slot in problem.slots:
        # Each budget is a constraint of its own date, so its slot represents no other. Without
        # budgets, a later day only has less food left than an earlier one for the same diners.
        limited = problem.minutes_allowed(slot) is not None
        key = (
            slot % len(problem.columns),
            slot if limited else None,
            problem.slot_habits.get(slot),
            problem.no_cooking.get(slot),
            problem.portion_of[slot] if problem.portions else None,
        )
        if slot not in problem.closed:
            representatives.setdefault(key, slot)
    return list(representatives.values())


class _PartialPlan:
    """A plan to which one more dish is to be added."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.uses = stock_uses(problem, plan)
        assessment = assess(problem, plan)
        self.purchases, self.shortfalls = assessment.purchases, assessment.shortfalls
        self.cost = purchase_cost(problem, assessment.shortfalls)
        self.sittings: dict[int, set[int]] = defaultdict(set)
        self.minutes = [0] * len(problem.sitting_budgets)
        self.cooking_days: set[int] = set()
        self.days_of: dict[int, list[int]] = defaultdict(list)  # a recipe's cookings
        for sitting, dish in cookings(problem, plan):
            self.sittings[dish].add(sitting)
            if not problem.dishes[dish].age:
                self.cooking_days.add(sitting // len(problem.meals))
                self.days_of[problem.recipe(dish)].append(sitting // len(problem.meals))
            self.minutes[sitting] += problem.dishes[dish].minutes

    def blockers(self, dish: int, slot: int) -> frozenset[UserConstraint] | None:
        """Return the constraints that each keep a dish out of a slot, None for other meals."""
        problem, candidate = self.problem, self.problem.dishes[dish]
        if not problem.suits(dish, slot) or self._is_in_another_course(dish, slot):
            return None
        if candidate.age and not self._is_cooked_on(problem.cooking_day(dish, slot), dish):
            return None
        constraints = {
            UserConstraint(ConstraintKind.DIET, problem.diet.index(tag))
            for tag in candidate.lacking
        }
        constraints |= {
            UserConstraint(ConstraintKind.INGREDIENT, barred.wish) for barred in candidate.barred
        }
        constraints |= {
            UserConstraint(ConstraintKind.WISH, wish) for wish in problem.denials(dish, slot)
        }
        constraints |= {
            UserConstraint(ConstraintKind.HABIT, habit)
            for habit in problem.broken_habits(dish, slot)
        }
        constraints |= {
            UserConstraint(ConstraintKind.NUTRITION, bound) for bound in self._bounds(dish, slot)
        }
        if candidate.excluded:
            constraints.add(UserConstraint(ConstraintKind.EXCLUDED, problem.recipe(dish)))
        if not candidate.age and problem.sitting(slot) not in self.sittings[dish]:
            constraints.update(self._cooking_blockers(dish, slot))
        if problem.max_items is not None and self._purchases_with(dish, slot) > problem.max_items:
            constraints.add(UserConstraint(ConstraintKind.SHOPPING))
        if problem.budget is not None and self._cost_with(dish, slot) > problem.budget:
            constraints.add(UserConstraint(ConstraintKind.COST))
        return frozenset(constraints)

    def limit(self, constraint: UserConstraint, dish: int, slot: int) -> int:
        """Return the smallest limit that lets a dish in which this constraint alone blocks."""
        minutes = self.problem.dishes[dish].minutes
        match constraint.kind:
            case ConstraintKind.DAY_BUDGET:
                return self._day_minutes(self.problem.day(slot)) + minutes
            case ConstraintKind.MEAL_BUDGET:
                return self.minutes[self.problem.sitting(slot)] + minutes
            case ConstraintKind.REPEATS:
                return self.problem.max_repeats + 1
            case ConstraintKind.COOKING_DAYS:
                return len(self.cooking_days) + 1
            case ConstraintKind.COST:
                return ceil(self._cost_with(dish, slot) * 100)
            case _:
                return 0

    def _cooking_blockers(self, dish: int, slot: int) -> Iterator[UserConstraint]:
        """Yield the constraints that keep a dish from being cooked once more, at this sitting."""
        problem, day, sitting = self.problem, self.problem.day(slot), self.problem.sitting(slot)
        minutes = problem.dishes[dish].minutes
        sitting_budget, day_budget = problem.sitting_budgets[sitting], problem.day_budgets[day]
        if sitting_budget is not None and minutes + self.minutes[sitting] > sitting_budget:
            yield UserConstraint(ConstraintKind.MEAL_BUDGET, sitting)
        if day_budget is not None and minutes + self._day_minutes(day) > day_budget:
            yield UserConstraint(ConstraintKind.DAY_BUDGET, day)
        days = self.days_of[problem.recipe(dish)]
        if len(days) >= problem.max_repeats:
            yield UserConstraint(ConstraintKind.REPEATS)
        if any(abs(day - other) < problem.min_distance for other in days):
            yield UserConstraint(ConstraintKind.DISTANCE)
        yield from (
            UserConstraint(ConstraintKind.NO_COOKING, number)
            for number in problem.no_cooking.get(slot, ())
        )
        most = problem.max_cooking_days
        if most is not None and len(self.cooking_days | {day}) > most:
            yield UserConstraint(ConstraintKind.COOKING_DAYS)

    def _bounds(self, dish: int, slot: int) -> set[int]:
        """Return the bounds on nutrition that the plan breaks with a dish."""
        concerned = [limit for limit in self.problem.limits if slot in limit.slots]
        plan = (*self.plan[:slot], dish, *self.plan[slot + 1 :]) if concerned else self.plan
        return {limit.bound for limit in broken_limits(self.problem, plan, concerned)}

    def _is_cooked_on(self, day: int, leftover: int) -> bool:
        sittings = self.sittings[self.problem.base(leftover)]
        return any(sitting // len(self.problem.meals) == day for sitting in sittings)

    def _is_in_another_course(self, dish: int, slot: int) -> bool:
        return any(
            self.plan[other] == dish
            for other in self.problem.sitting_slots(self.problem.sitting(slot))
            if self.problem.column(other).course != self.problem.column(slot).course
        )

    def _day_minutes(self, day: int) -> int:
        width = len(self.problem.meals)
        return sum(self.minutes[day * width : (day + 1) * width])

    def _shortfalls_with(self, dish: int, slot: int) -> dict[int, int]:
        """Return the shortfalls of what a dish needs, with the dish."""
        use = self.problem.cooking_day(dish, slot)
        return {
            stock: consume(
                self.problem.stocks[stock], [*self.uses.get(stock, ()), (use, quantity)]
            )[1]
            for stock, quantity in self.problem.needs(dish, slot)
        }

    def _purchases_with(self, dish: int, slot: int) -> int:
        stocks = self.problem.stocks
        short = self._shortfalls_with(dish, slot)
        new = {stocks[stock].item for stock, missing in short.items() if missing}
        return len(self.purchases | new)

    def _cost_with(self, dish: int, slot: int) -> Fraction:
        return self.cost + sum(
            self.problem.stocks[stock].cost(missing)
            - self.problem.stocks[stock].cost(self.shortfalls.get(stock, 0))
            for stock, missing in self._shortfalls_with(dish, slot).items()
        )


def minimal_hitting_set(
    sets: Iterable[frozenset[UserConstraint]],
) -> tuple[UserConstraint, ...] | None:
    """Return a minimal set of constraints that hits each of the sets, None if one is empty."""
    distinct = set(sets)
    context = z3.Context()
    solver = z3.SolverFor("QF_FD", ctx=context)
    guards = {
        constraint: z3.Bool(f"{constraint.kind} {constraint.subject}", context)
        for constraint in sorted(set().union(*distinct))
    }
    candidates = []
    for number, constraints in enumerate(sorted(distinct, key=sorted)):
        candidate = z3.Bool(f"candidate {number}", context)
        candidates.append(candidate)
        for constraint in constraints:
            solver.add(z3.Implies(guards[constraint], z3.Not(candidate)))
    solver.add(z3.Or(candidates) if candidates else z3.BoolVal(val=False, ctx=context))
    return minimal_core(solver, guards)
