"""Feasibility: whether any plan exists, which user constraints rule it out, and what would help.

A plan may leave slots open. So only two things can make a request infeasible: the locked meals
taken together, or, if nothing is locked, that not even one meal fits. Both are small: the first
needs the locked dishes only, the second one dish and one slot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from sidecar.planning.problem import Problem
from sidecar.planning.slot_conflicts import blocking_sets, minimal_hitting_set
from sidecar.planning.unsat_cores import ConstraintConflict, ConstraintKind, UserConstraint
from sidecar.planning.z3_locked_meals import LockedMealsModel


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Either the locked dishes by slot, or the conflicts that rule out every plan."""

    pins: dict[int, int] | None
    conflicts: tuple[ConstraintConflict, ...] = ()


_MAX_CONFLICTS = 5


def check_feasibility(problem: Problem) -> Feasibility:
    """Decide whether a plan exists. The conflicts of an infeasible problem are disjoint."""
    model = LockedMealsModel(problem) if problem.locks else None
    if model is not None and (pins := model.pins()) is not None:
        return Feasibility(pins)
    # What rules out every dish is a conflict without any lock, so it is searched for first.
    cores: list[tuple[UserConstraint, ...]] = []
    blocked = blocking_sets(problem)
    while len(cores) < _MAX_CONFLICTS and (core := minimal_hitting_set(blocked)) is not None:
        cores.append(core)
        if not core:  # no recipe fits any of the meals, whatever the constraints
            break
        blocked = {constraints.difference(core) for constraints in blocked}
    if model is not None:
        excluded = {constraint for core in cores for constraint in core}
        cores += model.conflicts(excluded, _MAX_CONFLICTS - len(cores))
    if not cores:
        return Feasibility({})
    return Feasibility(None, tuple(_with_relaxations(problem, core) for core in cores))


def _with_relaxations(problem: Problem, core: tuple[UserConstraint, ...]) -> ConstraintConflict:
    core_only = _restrict_to(problem, core)
    relaxations: list[tuple[UserConstraint, int | None]] = []
    for constraint in core:
        match constraint.kind:
            case (
                ConstraintKind.LOCK
                | ConstraintKind.EXCLUDED
                | ConstraintKind.DIET
                | ConstraintKind.INGREDIENT
                | ConstraintKind.DISTANCE
                | ConstraintKind.HABIT
                | ConstraintKind.NO_COOKING
                | ConstraintKind.NUTRITION
                | ConstraintKind.WISH
            ):
                relaxations.append((constraint, None))
            case _:
                # If another conflict makes every limit infeasible, only this one is considered.
                limit = _min_limit(problem, constraint) or _min_limit(core_only, constraint)
                if limit is not None:
                    relaxations.append((constraint, limit))
    return ConstraintConflict(core, tuple(relaxations))


def _restrict_to(problem: Problem, core: Iterable[UserConstraint]) -> Problem:
    """Return the problem without any other constraints."""
    retained = set(core)
    excluded = {c.subject for c in retained if c.kind is ConstraintKind.EXCLUDED}
    wishes = {c.subject for c in retained if c.kind is ConstraintKind.INGREDIENT}
    tags = {problem.diet[c.subject] for c in retained if c.kind is ConstraintKind.DIET}
    return replace(
        problem,
        dishes=tuple(
            replace(
                dish,
                excluded=dish.recipe in excluded,
                lacking=tuple(tag for tag in dish.lacking if tag in tags),
                barred=tuple(barred for barred in dish.barred if barred.wish in wishes),
            )
            for dish in problem.dishes
        ),
        day_budgets=tuple(
            budget if UserConstraint(ConstraintKind.DAY_BUDGET, day) in retained else None
            for day, budget in enumerate(problem.day_budgets)
        ),
        sitting_budgets=tuple(
            budget if UserConstraint(ConstraintKind.MEAL_BUDGET, sitting) in retained else None
            for sitting, budget in enumerate(problem.sitting_budgets)
        ),
        people=tuple(
            replace(person, denied=_only(person.denied, ConstraintKind.WISH, retained))
            for person in problem.people
        ),
        slot_habits=_only(problem.slot_habits, ConstraintKind.HABIT, retained),
        no_cooking=_only(problem.no_cooking, ConstraintKind.NO_COOKING, retained),
        limits=tuple(
            limit
            for limit in problem.limits
            if UserConstraint(ConstraintKind.NUTRITION, limit.bound) in retained
        ),
        max_cooking_days=problem.max_cooking_days
        if UserConstraint(ConstraintKind.COOKING_DAYS) in retained
        else None,
        min_distance=problem.min_distance
        if UserConstraint(ConstraintKind.DISTANCE) in retained
        else 0,
        budget=problem.budget if UserConstraint(ConstraintKind.COST) in retained else None,
        locks=tuple(
            lock
            for number, lock in enumerate(problem.locks)
            if UserConstraint(ConstraintKind.LOCK, number) in retained
        ),
        max_items=problem.max_items
        if UserConstraint(ConstraintKind.SHOPPING) in retained
        else None,
        max_repeats=problem.max_repeats
        if UserConstraint(ConstraintKind.REPEATS) in retained
        else len(problem.slots),
    )


def _only(
    subjects: Mapping[int, tuple[int, ...]], kind: ConstraintKind, retained: set[UserConstraint]
) -> dict[int, tuple[int, ...]]:
    """Return the subjects of retained constraints; keys without any are dropped."""
    kept = {
        key: tuple(number for number in numbers if UserConstraint(kind, number) in retained)
        for key, numbers in subjects.items()
    }
    return {key: numbers for key, numbers in kept.items() if numbers}


def _min_limit(problem: Problem, constraint: UserConstraint) -> int | None:
    """Return the smallest limit that makes the problem feasible, None if none does."""
    day_minutes = sum(sorted(dish.minutes for dish in problem.dishes)[-len(problem.columns) :])
    match constraint.kind:
        case ConstraintKind.DAY_BUDGET:
            low, high = problem.day_budgets[constraint.subject] or 0, day_minutes
        case ConstraintKind.MEAL_BUDGET:
            low, high = problem.sitting_budgets[constraint.subject] or 0, day_minutes
        case ConstraintKind.SHOPPING:
            low, high = problem.max_items or 0, len(problem.items)
        case ConstraintKind.COOKING_DAYS:
            low, high = problem.max_cooking_days or 0, problem.days
        case ConstraintKind.COST:
            low, high = floor((problem.budget or 0) * 100), ceil(_highest_cost(problem) * 100)
        case _:
            low, high = problem.max_repeats, len(problem.slots)
    if not _is_feasible(_with_limit(problem, constraint, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _is_feasible(_with_limit(problem, constraint, middle)):
            high = middle
        else:
            low = middle
    return high


def _highest_cost(problem: Problem) -> Fraction:
    """Return a bound on the cost of one dish in every slot."""
    portions = problem.portions or (tuple(dish.needs for dish in problem.dishes),)
    dearest = max(
        sum((problem.stocks[stock].cost(quantity) for stock, quantity in needs), Fraction(0))
        for dishes in portions
        for needs in dishes
    )
    return dearest * len(problem.slots)


def _with_limit(problem: Problem, constraint: UserConstraint, limit: int) -> Problem:
    match constraint.kind:
        case ConstraintKind.DAY_BUDGET:
            budgets = _replace_at(problem.day_budgets, constraint.subject, limit)
            return replace(problem, day_budgets=budgets)
        case ConstraintKind.MEAL_BUDGET:
            budgets = _replace_at(problem.sitting_budgets, constraint.subject, limit)
            return replace(problem, sitting_budgets=budgets)
        case ConstraintKind.SHOPPING:
            return replace(problem, max_items=limit)
        case ConstraintKind.COOKING_DAYS:
            return replace(problem, max_cooking_days=limit)
        case ConstraintKind.COST:
            return replace(problem, budget=Fraction(limit, 100))
        case _:
            return replace(problem, max_repeats=limit)


def _replace_at(values: Sequence[int | None], index: int, value: int) -> tuple[int | None, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _is_feasible(problem: Problem) -> bool:
    if problem.locks:
        return LockedMealsModel(problem).pins() is not None
    return frozenset() in blocking_sets(problem)
