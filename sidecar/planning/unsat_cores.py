"""User constraints as values, and minimal conflicts between them from Z3.

Each constraint is guarded by a literal; an unsatisfiable core over these, shrunk by deletion, is a
minimal conflict.
"""

from dataclasses import dataclass
from enum import StrEnum

import z3


class ConstraintKind(StrEnum):
    """The request field that a user constraint comes from.

    A core is shrunk in this order: particular wishes explain a conflict better than what the user
    set once and for everything, so that is dropped first.
    """

    SHOPPING = "max_shopping_items"
    COST = "budget"
    DISTANCE = "min_days_between_repeats"
    COOKING_DAYS = "max_cooking_days"
    REPEATS = "max_repeats"
    DAY_BUDGET = "time_budgets"
    MEAL_BUDGET = "time_budgets_meal"
    DIET = "dietary"
    INGREDIENT = "excluded_ingredients"
    EXCLUDED = "excluded_recipes"
    NUTRITION = "nutrition"
    NO_COOKING = "no_cooking"
    HABIT = "recurring_meals"
    WISH = "people"
    LOCK = "locked_meals"


@dataclass(frozen=True, slots=True, order=True)
class UserConstraint:
    """One user constraint: `subject` is the index of a lock, dish, tag, ingredient, day, sitting,
    habit or wish."""

    kind: ConstraintKind
    subject: int = 0


@dataclass(frozen=True, slots=True)
class ConstraintConflict:
    """Constraints that can't all hold, while any proper subset of them can.

    Each relaxation resolves the conflict: a number is set to the smallest sufficient limit (of
    money in hundredths), any other constraint (None) is dropped.
    """

    constraints: tuple[UserConstraint, ...]
    relaxations: tuple[tuple[UserConstraint, int | None], ...] = ()


def minimal_core(
    solver: z3.Solver, guards: dict[UserConstraint, z3.BoolRef]
) -> tuple[UserConstraint, ...] | None:
    """Return a minimal subset of guards that can't all hold, None if all can."""
    if solver.check(*guards.values()) != z3.unsat:
        return None
    by_name = {str(guard): constraint for constraint, guard in guards.items()}

    def unsat_core() -> set[UserConstraint]:
        return {by_name[str(guard)] for guard in solver.unsat_core()}

    core = unsat_core()
    order = list(ConstraintKind)
    for constraint in sorted(core, key=lambda c: (order.index(c.kind), c.subject)):
        if constraint in core:
            rest = core - {constraint}
            if solver.check(*(guards[other] for other in rest)) == z3.unsat:
                core = unsat_core()
    return tuple(sorted(core))
