"""The user's constraints as values, and how Z3 finds the fewest of them that exclude each other.

Each constraint is guarded by a literal; an unsatisfiable core over these, shrunk by deletion, is a
minimal conflict.
"""

from dataclasses import dataclass
from enum import StrEnum

import z3


class ConstraintKind(StrEnum):
    """What a user constraint is about."""

    LOCK = "locked_meals"
    EXCLUDED = "excluded_recipes"
    DIET = "dietary"
    DAY_BUDGET = "time_budgets"
    MEAL_BUDGET = "time_budgets_meal"
    SHOPPING = "max_shopping_items"
    REPEATS = "max_repeats"


@dataclass(frozen=True, slots=True, order=True)
class UserConstraint:
    """One user constraint: `subject` is the index of a lock, dish, dietary tag, day or slot."""

    kind: ConstraintKind
    subject: int = 0


@dataclass(frozen=True, slots=True)
class ConstraintConflict:
    """Rules that can't all hold, though all but any one of them can.

    `relaxations` are rules that resolve it when loosened: a number to the least that will do, the
    others (None) when dropped.
    """

    rules: tuple[UserConstraint, ...]
    relaxations: tuple[tuple[UserConstraint, int | None], ...] = ()


# Rules that are dropped first when a core is shrunk: what the user set once and for everything
# stays out of the explanation when particular wishes explain it.
_DELETION_ORDER = (
    ConstraintKind.SHOPPING,
    ConstraintKind.REPEATS,
    ConstraintKind.DAY_BUDGET,
    ConstraintKind.MEAL_BUDGET,
    ConstraintKind.DIET,
    ConstraintKind.EXCLUDED,
    ConstraintKind.LOCK,
)


def minimal_core(
    solver: z3.Solver, guards: dict[UserConstraint, z3.BoolRef]
) -> tuple[UserConstraint, ...] | None:
    """A minimal subset of guards that can't all hold, by deletion; None if all can."""
    if solver.check(*guards.values()) != z3.unsat:
        return None
    names = {str(guard): rule for rule, guard in guards.items()}

    def core() -> set[UserConstraint]:
        return {names[str(guard)] for guard in solver.unsat_core()}

    kept = core()
    order = sorted(kept, key=lambda rule: (_DELETION_ORDER.index(rule.kind), rule.subject))
    for rule in order:
        if rule in kept:
            rest = kept - {rule}
            if solver.check(*(guards[other] for other in rest)) == z3.unsat:
                kept = core()
    return tuple(sorted(kept))
