"""The planner's answers, ready for the wire."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

#: What made an answer. Here and not in solve.py, so that whoever answers needs no solver.
MODEL_ID = "z3"
MODEL_VERSION = "planner-1"


class Status(StrEnum):
    """How a solve ended, in the contract's words. Its `no_solution` (neither a plan nor a reason in
    time) doesn't occur: what is possible is decided first, and a plan is built at once.
    """

    OPTIMAL = "optimal"  # no plan is better, proven
    TIMEOUT = "timeout"  # the best plan found when the time ran out
    INFEASIBLE = "infeasible"  # no plan keeps every constraint, proven


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)

    def wire(self) -> dict[str, object]:
        """This value as JSON-ready data."""
        data: dict[str, Any] = self.model_dump(mode="json")
        return data


class Meal(_Value):
    """A planned meal."""

    date: str
    day_index: int
    meal_type: str
    recipe_id: str
    recipe_name: str


class OpenSlot(_Value):
    """A slot no recipe could fill, why, and what would let one in."""

    date: str
    day_index: int
    meal_type: str
    reason: str
    relaxations: tuple[str, ...]


class Amount(_Value):
    """A quantity in a unit the user wrote."""

    quantity: float
    unit: str


class Purchase(_Value):
    """One ingredient to buy; `also` is what recipes want of it in units that don't convert."""

    ingredient_id: str
    name: str
    quantity: float
    unit: str
    for_recipes: tuple[str, ...]
    also: tuple[Amount, ...] = ()


class Rescue(_Value):
    """Expiring food that the plan uses in time; `of` is how much there was in the same unit."""

    ingredient_id: str
    name: str
    quantity: float
    of: float
    unit: str


class Metrics(_Value):
    """What a plan does, in numbers. `variety_score` is distinct cuisines a meal, 0 to 1."""

    expiring_ingredients_used: int
    total_expiring_ingredients: int
    shopping_items_count: int
    variety_score: float
    recipes_selected: int
    waste_prevented: tuple[Rescue, ...]
    waste_prevented_share: float


class Alternative(_Value):
    """Another plan of nearly the same worth."""

    objective: int
    meal_plan: tuple[Meal, ...]
    shopping_list: tuple[Purchase, ...]
    metrics: Metrics


class ConflictSet(_Value):
    """Constraints that exclude each other, and for some of them the least that would help."""

    constraints: tuple[str, ...]
    relaxations: tuple[str, ...]


class PlanAnswer(_Value):
    """The answer to a plan request.

    `objective` and `bound` are points of worth: no plan with as many meals is worth more than
    `bound`, `gap` is their difference, `points_per_purchase` what one purchase costs. `most_meals`
    is the number of slots no plan can exceed. All are None without a plan.
    """

    status: Status
    solve_time_ms: float
    objective: int | None = None
    bound: int | None = None
    gap: int | None = None
    points_per_purchase: int
    most_meals: int | None = None
    meal_plan: tuple[Meal, ...] = ()
    open_slots: tuple[OpenSlot, ...] = ()
    shopping_list: tuple[Purchase, ...] = ()
    metrics: Metrics | None = None
    explanation: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    conflict_sets: tuple[ConflictSet, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    warnings: tuple[str, ...] = ()


class Incumbent(_Value):
    """Progress: the best certified plan so far. Bounds are None until there are any."""

    elapsed_ms: float
    meals: int
    objective: int
    bound: int | None
    gap: int | None


class Suggestion(_Value):
    """A recipe to cook now; `score` is its worth in points of 1000 a fully rescued ingredient."""

    recipe_id: str
    recipe_name: str
    score: float
    expiring_used: tuple[str, ...]
    missing: tuple[str, ...]
    reason: str
