"""Whether any plan exists, which of the user's constraints rule it out, and what would help.

A plan may leave slots open, so the only things that can fail are the locked meals, taken together,
and, where nothing is locked, the wish for at least one meal. Both are small: the first needs the
locked dishes alone, the second one dish and one slot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sidecar.planning.locked_meals_model import LockedMeals
from sidecar.planning.problem import Problem
from sidecar.planning.slot_conflicts import all_blockers, minimal_cover
from sidecar.planning.unsat_cores import ConstraintConflict, ConstraintKind, UserConstraint


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Either the locked dishes by slot, or the conflicts that leave no plan."""

    pins: dict[int, int] | None
    conflicts: tuple[ConstraintConflict, ...] = ()


_MOST_CONFLICTS = 5
_NUMBERS = frozenset(
    {
        ConstraintKind.DAY_BUDGET,
        ConstraintKind.MEAL_BUDGET,
        ConstraintKind.SHOPPING,
        ConstraintKind.REPEATS,
    }
)


def check_feasibility(problem: Problem) -> Feasibility:
    """Whether the request can be met at all. Conflicts have no rule in common."""
    model = LockedMeals(problem) if problem.locks else None
    if model is not None and (pins := model.pins()) is not None:
        return Feasibility(pins)
    # What rules out every single dish needs no lock to be a conflict, so it is looked for first.
    cores: list[tuple[UserConstraint, ...]] = []
    blocked = all_blockers(problem)
    while len(cores) < _MOST_CONFLICTS and (core := minimal_cover(blocked)) is not None:
        cores.append(core)
        if not core:  # no recipe is for any of the meals: no rule's fault
            break
        blocked = {rules.difference(core) for rules in blocked}
    if model is not None:
        known = {rule for core in cores for rule in core}
        cores += model.conflicts(known, _MOST_CONFLICTS - len(cores))
    if not cores:
        return Feasibility({})
    conflicts = tuple(_with_relaxations(problem, core) for core in cores)
    return Feasibility(None, conflicts)


def _with_relaxations(problem: Problem, core: tuple[UserConstraint, ...]) -> ConstraintConflict:
    alone = _only(problem, core)
    relaxations: list[tuple[UserConstraint, int | None]] = []
    for rule in core:
        if rule.kind in _NUMBERS:
            # Beside another conflict nothing helps the whole problem: then look at this one alone.
            limit = _least_limit(problem, rule) or _least_limit(alone, rule)
            if limit is not None:
                relaxations.append((rule, limit))
        else:
            relaxations.append((rule, None))
    return ConstraintConflict(core, tuple(relaxations))


def _only(problem: Problem, core: Iterable[UserConstraint]) -> Problem:
    """The problem with no constraints but these."""
    rules = set(core)
    excluded = {rule.subject for rule in rules if rule.kind is ConstraintKind.EXCLUDED}
    tags = {problem.diet[rule.subject] for rule in rules if rule.kind is ConstraintKind.DIET}
    return replace(
        problem,
        dishes=tuple(
            replace(
                dish,
                excluded=number in excluded,
                lacking=tuple(tag for tag in dish.lacking if tag in tags),
            )
            for number, dish in enumerate(problem.dishes)
        ),
        day_budgets=tuple(
            budget if UserConstraint(ConstraintKind.DAY_BUDGET, day) in rules else None
            for day, budget in enumerate(problem.day_budgets)
        ),
        slot_budgets=tuple(
            budget if UserConstraint(ConstraintKind.MEAL_BUDGET, slot) in rules else None
            for slot, budget in enumerate(problem.slot_budgets)
        ),
        locks=tuple(
            lock
            for number, lock in enumerate(problem.locks)
            if UserConstraint(ConstraintKind.LOCK, number) in rules
        ),
        max_items=problem.max_items if UserConstraint(ConstraintKind.SHOPPING) in rules else None,
        max_repeats=problem.max_repeats
        if UserConstraint(ConstraintKind.REPEATS) in rules
        else len(problem.slots),
    )


def _least_limit(problem: Problem, rule: UserConstraint) -> int | None:
    """The least value of a rule's number that makes the problem feasible, None if none does."""
    day_minutes = sum(sorted(dish.minutes for dish in problem.dishes)[-len(problem.meals) :])
    match rule.kind:
        case ConstraintKind.DAY_BUDGET:
            low, high = problem.day_budgets[rule.subject] or 0, day_minutes
        case ConstraintKind.MEAL_BUDGET:
            low, high = problem.slot_budgets[rule.subject] or 0, day_minutes
        case ConstraintKind.SHOPPING:
            low, high = problem.max_items or 0, len(problem.items)
        case _:
            low, high = problem.max_repeats, len(problem.slots)
    if not _feasible(_with_limit(problem, rule, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _feasible(_with_limit(problem, rule, middle)):
            high = middle
        else:
            low = middle
    return high


def _with_limit(problem: Problem, rule: UserConstraint, limit: int) -> Problem:
    match rule.kind:
        case ConstraintKind.DAY_BUDGET:
            return replace(problem, day_budgets=_set(problem.day_budgets, rule.subject, limit))
        case ConstraintKind.MEAL_BUDGET:
            return replace(problem, slot_budgets=_set(problem.slot_budgets, rule.subject, limit))
        case ConstraintKind.SHOPPING:
            return replace(problem, max_items=limit)
        case _:
            return replace(problem, max_repeats=limit)


def _set(values: Sequence[int | None], place: int, value: int) -> tuple[int | None, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _feasible(problem: Problem) -> bool:
    if problem.locks:
        return LockedMeals(problem).pins() is not None
    return frozenset() in all_blockers(problem)
