"""Constraints that keep single dishes out of single slots, of an empty or a given plan."""

from collections import Counter
from collections.abc import Iterable

import z3

from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, consume, stock_uses
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
    # Of the dishes that one constraint alone keeps out, the quickest decides how far to loosen it.
    quickest: dict[UserConstraint, int] = {}
    for dish, constraints in zip(problem.dishes, blockers, strict=True):
        if constraints is not None and len(constraints) == 1:
            (constraint,) = constraints
            quickest[constraint] = min(quickest.get(constraint, dish.minutes), dish.minutes)
    spent = partial.minutes[problem.day(slot)]
    relaxations: list[tuple[UserConstraint, int | None]] = []
    for constraint in core:
        if (minutes := quickest.get(constraint)) is None:
            continue
        match constraint.kind:
            case ConstraintKind.DAY_BUDGET:
                relaxations.append((constraint, spent + minutes))
            case ConstraintKind.MEAL_BUDGET:
                relaxations.append((constraint, minutes))
            case ConstraintKind.REPEATS:
                relaxations.append((constraint, problem.max_repeats + 1))
            case ConstraintKind.DIET | ConstraintKind.INGREDIENT | ConstraintKind.EXCLUDED:
                relaxations.append((constraint, None))
    return ConstraintConflict(core, tuple(relaxations))


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
    """Return the slots with time limits, and the first of each meal's slots without one."""
    representatives: dict[tuple[int, int | None], int] = {}
    for slot in problem.slots:
        # Each budget is a constraint of its own date, so its slot represents no other. Without
        # budgets, a later day only has less food left than an earlier one.
        limited = problem.minutes_allowed(slot) is not None
        representatives.setdefault((problem.meal(slot), slot if limited else None), slot)
    return list(representatives.values())


class _PartialPlan:
    """A plan to which one more dish is to be added."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.counts = Counter(plan)
        self.uses = stock_uses(problem, plan)
        self.purchases = assess(problem, plan).purchases
        self.minutes = [0] * problem.days
        for slot, dish in enumerate(plan):
            if dish != OPEN:
                self.minutes[problem.day(slot)] += problem.dishes[dish].minutes

    def blockers(self, dish: int, slot: int) -> frozenset[UserConstraint] | None:
        """Return the constraints that each keep a dish out of a slot, None for other meals."""
        problem, candidate = self.problem, self.problem.dishes[dish]
        day = problem.day(slot)
        if problem.meal(slot) not in candidate.meals:
            return None
        constraints = {
            UserConstraint(ConstraintKind.DIET, problem.diet.index(tag))
            for tag in candidate.lacking
        }
        constraints |= {
            UserConstraint(ConstraintKind.INGREDIENT, barred.wish) for barred in candidate.barred
        }
        if candidate.excluded:
            constraints.add(UserConstraint(ConstraintKind.EXCLUDED, dish))
        slot_budget, day_budget = problem.slot_budgets[slot], problem.day_budgets[day]
        if slot_budget is not None and candidate.minutes > slot_budget:
            constraints.add(UserConstraint(ConstraintKind.MEAL_BUDGET, slot))
        if day_budget is not None and candidate.minutes + self.minutes[day] > day_budget:
            constraints.add(UserConstraint(ConstraintKind.DAY_BUDGET, day))
        if self.counts[dish] >= problem.max_repeats:
            constraints.add(UserConstraint(ConstraintKind.REPEATS))
        if problem.max_items is not None and self._purchases_with(dish, day) > problem.max_items:
            constraints.add(UserConstraint(ConstraintKind.SHOPPING))
        return frozenset(constraints)

    def _purchases_with(self, dish: int, day: int) -> int:
        stocks = self.problem.stocks
        new = {
            stocks[stock].item
            for stock, quantity in self.problem.dishes[dish].needs
            if stocks[stock].item not in self.purchases
            and consume(stocks[stock], [*self.uses.get(stock, ()), (day, quantity)])[1]
        }
        return len(self.purchases) + len(new)


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
