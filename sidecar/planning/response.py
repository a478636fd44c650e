"""The planner's response values, ready to be sent as JSON.

Nothing here needs a solver, so that the processes that only pass responses on import none.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

MODEL_ID = "z3"
MODEL_VERSION = "planner-1"


Money = str  # a decimal number with two places


class Status(StrEnum):
    """How a solve ended.

    The API also defines `no_solution` (neither a plan nor a conflict in time), which doesn't occur:
    feasibility is decided first, and the first plan is built at once.
    """

    OPTIMAL = "optimal"  # no plan is better, proven
    TIMEOUT = "timeout"  # the best plan found when the time ran out
    INFEASIBLE = "infeasible"  # no plan satisfies every constraint, proven


def is_empty(value: object) -> bool:
    """Return whether a field has nothing to say, and is left out of the JSON."""
    return value is None or value == ()


class _ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    def wire(self) -> dict[str, object]:
        """Return this value as JSON-ready data."""
        return self.model_dump(mode="json")


class Substituted(_ResponseModel):
    """An ingredient to use instead of another, and why."""

    instead_of: str
    ingredient_id: str
    name: str
    reason: str


class Meal(_ResponseModel):
    date: str
    day_index: int
    meal_type: str
    recipe_id: str
    recipe_name: str
    course: str | None = Field(default=None, exclude_if=is_empty)
    feeds: tuple[str, ...] = Field(default=(), exclude_if=is_empty)  # ids of people
    cooked_on: str | None = Field(default=None, exclude_if=is_empty)  # the date, of a leftover
    also_for: tuple[str, ...] = Field(default=(), exclude_if=is_empty)  # dates of its leftovers
    substitutes: tuple[Substituted, ...] = Field(default=(), exclude_if=is_empty)


class OpenSlot(_ResponseModel):
    """A slot that no recipe could fill, the reason, and relaxations that would allow one.

    `people` are the ids of those who have nothing to eat then.
    """

    date: str
    day_index: int
    meal_type: str
    reason: str
    relaxations: tuple[str, ...]
    course: str | None = Field(default=None, exclude_if=is_empty)
    people: tuple[str, ...] = Field(default=(), exclude_if=is_empty)


class Amount(_ResponseModel):
    """A quantity in a unit from the request."""

    quantity: float
    unit: str


class MealTime(_ResponseModel):
    """When a meal is eaten."""

    date: str
    meal_type: str


class Purchase(_ResponseModel):
    """An ingredient to buy; `also` lists amounts in units that don't convert to `unit`."""

    ingredient_id: str
    name: str
    quantity: float
    unit: str
    for_recipes: tuple[str, ...]
    for_meals: tuple[MealTime, ...] = ()
    also: tuple[Amount, ...] = ()
    category: str | None = Field(default=None, exclude_if=is_empty)  # one of the aisles
    price: Money | None = Field(default=None, exclude_if=is_empty)
    rest: float | None = Field(default=None, exclude_if=is_empty)  # of its packages, unused


class Rescue(_ResponseModel):
    """Expiring food that the plan uses in time; `of` is the expiring total in the same unit."""

    ingredient_id: str
    name: str
    quantity: float
    of: float
    unit: str
    value: Money | None = Field(default=None, exclude_if=is_empty)


class Cost(_ResponseModel):
    """The price of the purchases, as far as prices are known."""

    total: Money
    per_person_and_meal: Money
    currency: str | None
    unpriced: tuple[str, ...]  # names of purchases without a price


class Metrics(_ResponseModel):
    """Metrics of a plan. `variety_score` is distinct cuisines per meal, 0 to 1."""

    expiring_ingredients_used: int
    total_expiring_ingredients: int
    shopping_items_count: int
    variety_score: float
    recipes_selected: int
    waste_prevented: tuple[Rescue, ...]
    waste_prevented_share: float
    cost: Cost | None = Field(default=None, exclude_if=is_empty)
    value_saved: Money | None = Field(default=None, exclude_if=is_empty)


class Nutrients(_ResponseModel):
    """What somebody eats on a day, in kcal and grams, of `meals` meals.

    `known` says how many of them each sum rests on.
    """

    date: str
    person: str | None = Field(default=None, exclude_if=is_empty)
    meals: int
    sums: dict[str, float]
    known: dict[str, int]


class NutritionBasis(_ResponseModel):
    """A planned recipe whose nutrients are estimated, and the ingredients that couldn't count."""

    recipe_id: str
    recipe_name: str
    ingredients: int
    unknown: tuple[str, ...]


class Alternative(_ResponseModel):
    """Another plan with nearly the same objective."""

    objective: int
    meal_plan: tuple[Meal, ...]
    shopping_list: tuple[Purchase, ...]
    metrics: Metrics


class ConflictSet(_ResponseModel):
    """Constraints that exclude each other, and the smallest relaxations for some of them."""

    constraints: tuple[str, ...]
    relaxations: tuple[str, ...]


class ExcludedRecipe(_ResponseModel):
    """A recipe that can't be planned, since it has an excluded ingredient.

    It is not `sure` where the ingredient, or the recipe by its name, only may be of that kind.
    """

    recipe_id: str
    recipe_name: str
    excluded_ingredient: str
    ingredient: str
    sure: bool


class PlanAnswer(_ResponseModel):
    """The response to a plan request.

    `objective` and `bound` are in points: no plan with as many meals has an objective above
    `bound`. `gap` is their difference, `points_per_purchase` the cost of one purchase, and
    `most_meals` the number of slots that no plan can exceed. All are None without a plan.
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
    # What follows is there only where the request asks for it.
    excluded: tuple[ExcludedRecipe, ...] = Field(default=(), exclude_if=is_empty)
    nutrition: tuple[Nutrients, ...] = Field(default=(), exclude_if=is_empty)
    nutrition_estimates: tuple[NutritionBasis, ...] = Field(default=(), exclude_if=is_empty)
    summary: str | None = Field(default=None, exclude_if=is_empty)  # by the language model


class Incumbent(_ResponseModel):
    """Progress: the best certified plan so far. `bound` and `gap` are None until known."""

    elapsed_ms: float
    meals: int
    objective: int
    bound: int | None
    gap: int | None


class Suggestion(_ResponseModel):
    """A recipe to cook now. Using up a whole expiring ingredient scores up to 1000 points."""

    recipe_id: str
    recipe_name: str
    score: float
    expiring_used: tuple[str, ...]
    missing: tuple[str, ...]
    reason: str


class Suggestions(_ResponseModel):
    """Recipes to cook now, best first."""

    suggestions: tuple[Suggestion, ...]
