"""Which rules keep single dishes out of single slots: of an empty plan, or of one already made."""

from collections import Counter
from collections.abc import Iterable

import z3

from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, take, uses_of
from sidecar.planning.unsat_cores import (
    ConstraintConflict,
    ConstraintKind,
    UserConstraint,
    minimal_core,
)


def why_open(problem: Problem, plan: Plan, slot: int) -> ConstraintConflict | None:
    """The rules that, with the rest of the plan as it is, keep every dish out of an open slot.

    None if no rule does: no dish in the request is for this meal at all.
    """
    kitchen = _Rest(problem, plan)
    found = [kitchen.blockers(dish, slot) for dish in range(len(problem.dishes))]
    blocked = [rules for rules in found if rules is not None]
    core = minimal_cover(blocked) if blocked else None
    if core is None:
        return None
    # Where a rule is all that keeps a dish out, the quickest such dish says how far to loosen it.
    helped: dict[UserConstraint, int] = {}
    for dish, rules in enumerate(found):
        if rules is not None and len(rules) == 1:
            (rule,) = rules
            if rule not in helped or (
                problem.dishes[dish].minutes < problem.dishes[helped[rule]].minutes
            ):
                helped[rule] = dish
    spent = kitchen.minutes[problem.day(slot)]
    relaxations: list[tuple[UserConstraint, int | None]] = []
    for rule in core:
        match rule.kind:
            case ConstraintKind.DAY_BUDGET if rule in helped:
                relaxations.append((rule, spent + problem.dishes[helped[rule]].minutes))
            case ConstraintKind.MEAL_BUDGET if rule in helped:
                relaxations.append((rule, problem.dishes[helped[rule]].minutes))
            case ConstraintKind.REPEATS if rule in helped:
                relaxations.append((rule, problem.max_repeats + 1))
            case ConstraintKind.DIET | ConstraintKind.EXCLUDED if rule in helped:
                relaxations.append((rule, None))
            case _:
                pass
    return ConstraintConflict(core, tuple(relaxations))


def all_blockers(problem: Problem) -> set[frozenset[UserConstraint]]:
    """The sets of rules that keep single dishes out of an empty plan; just {{}} if one is free."""
    kitchen = _Rest(problem, (OPEN,) * len(problem.slots))
    found: set[frozenset[UserConstraint]] = set()
    for slot in _kinds_of_slot(problem):
        for dish in range(len(problem.dishes)):
            rules = kitchen.blockers(dish, slot)
            if rules is None:
                continue
            if not rules:
                return {rules}
            found.add(rules)
    return found


def _kinds_of_slot(problem: Problem) -> list[int]:
    """The slots with limits of their own, and of the unlimited ones the first of each meal."""
    kinds: dict[tuple[int, int | None], int] = {}
    for slot in problem.slots:
        # Budgets are rules of their own date, so slots that have one never stand for each other;
        # without one, a later day only has less food left than an earlier one.
        limited = problem.minutes_allowed(slot) is not None
        kinds.setdefault((problem.meal(slot), slot if limited else None), slot)
    return list(kinds.values())


class _Rest:
    """The rest of a plan, around one dish more."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.count = Counter(plan)
        self.uses = uses_of(problem, plan)
        self.purchases = assess(problem, plan).purchases
        self.minutes = [0] * problem.days
        for slot, dish in enumerate(plan):
            if dish != OPEN:
                self.minutes[problem.day(slot)] += problem.dishes[dish].minutes

    def blockers(self, dish: int, slot: int) -> frozenset[UserConstraint] | None:
        """The rules that each alone keep a dish out of a slot; None if it is not for that meal."""
        problem, candidate = self.problem, self.problem.dishes[dish]
        day = problem.day(slot)
        if problem.meal(slot) not in candidate.meals:
            return None
        rules = {
            UserConstraint(ConstraintKind.DIET, problem.diet.index(tag))
            for tag in candidate.lacking
        }
        if candidate.excluded:
            rules.add(UserConstraint(ConstraintKind.EXCLUDED, dish))
        own, shared = problem.slot_budgets[slot], problem.day_budgets[day]
        if own is not None and candidate.minutes > own:
            rules.add(UserConstraint(ConstraintKind.MEAL_BUDGET, slot))
        if shared is not None and candidate.minutes + self.minutes[day] > shared:
            rules.add(UserConstraint(ConstraintKind.DAY_BUDGET, day))
        if self.count[dish] >= problem.max_repeats:
            rules.add(UserConstraint(ConstraintKind.REPEATS))
        if problem.max_items is not None and self._purchases_with(dish, day) > problem.max_items:
            rules.add(UserConstraint(ConstraintKind.SHOPPING))
        return frozenset(rules)

    def _purchases_with(self, dish: int, day: int) -> int:
        new = {
            self.problem.stocks[stock].item
            for stock, quantity in self.problem.dishes[dish].needs
            if self.problem.stocks[stock].item not in self.purchases
            and take(self.problem.stocks[stock], [*self.uses.get(stock, ()), (day, quantity)])[1]
        }
        return len(self.purchases) + len(new)


def minimal_cover(
    blocked: Iterable[frozenset[UserConstraint]],
) -> tuple[UserConstraint, ...] | None:
    """A minimal set of rules that hits every candidate's blockers; None if some has none."""
    distinct = set(blocked)
    context = z3.Context()
    solver = z3.SolverFor("QF_FD", ctx=context)
    guards = {
        rule: z3.Bool(f"{rule.kind} {rule.subject}", context)
        for rule in sorted({rule for rules in distinct for rule in rules})
    }
    chosen = []
    for number, rules in enumerate(sorted(distinct, key=sorted)):
        candidate = z3.Bool(f"candidate {number}", context)
        chosen.append(candidate)
        for rule in rules:
            solver.add(z3.Implies(guards[rule], z3.Not(candidate)))
    solver.add(z3.Or(chosen) if chosen else z3.BoolVal(val=False, ctx=context))
    return minimal_core(solver, guards)
