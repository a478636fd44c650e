"""Schemas of meal-plan and suggestion requests.

Every number is finite and bounded, every list has a maximum size (over it: `TooLarge`), ids are
unique where they name something, and every id that a constraint mentions exists. Constraints that
contradict each other are valid: the response explains them.
"""

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sidecar.core.validation import max_length
from sidecar.ingredients.lines import MAX_LENGTH, uncounted_is_none
from sidecar.ingredients.schemas import Conversion
from sidecar.planning.household_schemas import (
    Attendance,
    Nutrition,
    NutritionBound,
    Person,
    RecurringMeal,
    Substitute,
)
from sidecar.planning.recipe_lines import without_lines
from sidecar.planning.schema_types import (
    MAX_COURSES,
    MAX_TIMEOUT_MS,
    Aisle,
    Day,
    Id,
    Integer,
    Minutes,
    Name,
    Price,
    Quantity,
    RequestModel,
    Servings,
    Tag,
    Tags,
    Unit,
    Weight,
    all_known,
    joined,
    not_empty,
    nullable,
    or_plain_text,
    without_duplicates,
    without_unknown,
)


class Horizon(RequestModel):
    """The days and meals to plan, `days` x `meal_types` slots."""

    start_date: Day
    days: Integer = Field(ge=1, le=31)
    meal_types: Annotated[tuple[Tag, ...], AfterValidator(not_empty)] = Field(
        default=("dinner",), max_length=8
    )

    @field_validator("meal_types")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return without_duplicates(value, "meal type")

    @model_validator(mode="after")
    def _within_the_calendar(self) -> Self:
        if date.max - self.start_date < timedelta(days=31):
            raise ValueError("start_date is too late for the calendar")
        return self

    def __contains__(self, day: date) -> bool:
        return 0 <= (day - self.start_date).days < self.days


class InventoryItem(RequestModel):
    """One lot of food at home. Days until expiry count from start_date; the last day is usable.

    `price` is that of `price_quantity` units.
    """

    ingredient_id: Id
    name: Name
    quantity: Quantity
    unit: Unit = ""
    days_until_expiry: Integer | None = Field(default=None, ge=-36_500, le=36_500)
    price: Price | None = None
    price_quantity: Quantity = 1


class Ingredient(RequestModel):
    """An ingredient for cooking a recipe once. An optional ingredient is never bought for it.

    A quantity of null ("to taste") is met by any stock of the food. `price` is that of
    `price_quantity` units. The shop sells whole packages of `package_quantity`. A text ("2 EL Öl")
    in its place is parsed.
    """

    model_config = ConfigDict(json_schema_extra=or_plain_text(MAX_LENGTH))

    ingredient_id: Id
    name: Name
    quantity: Annotated[Quantity | None, BeforeValidator(uncounted_is_none)]
    unit: Unit = ""
    optional: StrictBool = False
    price: Price | None = None
    price_quantity: Quantity = 1
    package_quantity: Quantity | None = None


class Recipe(RequestModel):
    """A recipe. Times are in minutes. Tags name meal types, diets and anything else.

    What is left of it keeps for `keeps_days`, or for as long as the plan if it freezes.
    """

    id: Id
    name: Name
    prep_time: Minutes = 0
    cook_time: Minutes = 0
    servings: Servings | None = None
    cuisine: Tag | None = None
    ingredients: Annotated[tuple[Ingredient, ...], AfterValidator(not_empty)]
    tags: Tags = frozenset()
    is_favorite: StrictBool = False
    keeps_days: Integer = Field(default=0, ge=0, le=31)
    freezes: StrictBool = False
    nutrition: Nutrition | None = None

    @field_validator("cuisine", mode="before")
    @classmethod
    def _blank_cuisine_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @property
    def minutes(self) -> int:
        """Return the minutes from start to table."""
        return self.prep_time + self.cook_time


class LockedMeal(RequestModel):
    """A recipe fixed for a date. Without a meal type it may take any slot of the day."""

    date: Day
    recipe_id: Id
    meal_type: Tag | None = None


class Constraints(RequestModel):
    """Constraints on a plan. `servings` scales the recipes that state how many they serve.

    `excluded_ingredients` are ids, names and allergen groups (allergens.py). A constraint that is
    unknown is an error, for whoever sends it relies on it.
    """

    model_config = ConfigDict(json_schema_extra=nullable("max_repeats"), extra="forbid")

    max_shopping_items: Integer | None = Field(default=None, ge=0, le=100_000)
    time_budgets: dict[Day, Minutes | dict[Tag, Minutes]] = Field(default_factory=dict)
    locked_meals: tuple[LockedMeal, ...] = ()
    excluded_recipes: tuple[Id, ...] = ()
    dietary: tuple[Tag, ...] = ()
    excluded_ingredients: tuple[Name, ...] = ()
    max_repeats: Integer = Field(default=1, ge=1, le=31 * 8)
    min_days_between_repeats: Integer | None = Field(default=None, ge=0, le=31)
    recurring_meals: tuple[RecurringMeal, ...] = ()
    courses: dict[
        Tag,
        Annotated[
            tuple[Tag, ...],
            max_length(MAX_COURSES, "courses of a meal"),
            AfterValidator(not_empty),
        ],
    ] = Field(default_factory=dict)
    budget: Price | None = None
    nutrition: tuple[NutritionBound, ...] = ()
    max_cooking_days: Integer | None = Field(default=None, ge=0, le=31)
    no_cooking: tuple[Attendance, ...] = ()
    no_leftovers: tuple[Attendance, ...] = ()
    servings: Servings | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "constraint")

    @field_validator("max_repeats", mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object) -> object:
        return 1 if value is None else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        without_duplicates(self.excluded_recipes, "excluded recipe")
        without_duplicates(self.dietary, "dietary tag")
        without_duplicates(self.excluded_ingredients, "excluded ingredient")
        for courses in self.courses.values():
            without_duplicates(courses, "course")
        locks = [
            (lock.date.isoformat(), lock.meal_type, lock.recipe_id) for lock in self.locked_meals
        ]
        without_duplicates(locks, "locked meal")
        return self


class PlanWeights(RequestModel):
    """The weight of each objective, 0 (ignored) to 1."""

    expiring_priority: Weight = 0.4
    shopping_minimization: Weight = 0.3
    variety: Weight = 0.2
    time_fit: Weight = 0.1
    shared_meals: Weight = 0.5
    cost: Weight = 0
    nutrition: Weight = 0.5


_NULL_IS_THE_DEFAULT = ("constraints", "weights", "inventory", "people", "substitutes")


class PlanRequest(RequestModel):
    """A meal-plan request. Each two alternatives differ in `alternatives_distance` dishes at least.

    With `aisles`, the shopping list is in their order; empty stands for a supermarket's.

    Raises (through pydantic) ValidationError for a bad field, and `TooLarge` for an oversized list.
    """

    model_config = ConfigDict(json_schema_extra=nullable(*_NULL_IS_THE_DEFAULT))

    planning_horizon: Horizon
    inventory: tuple[InventoryItem, ...] = ()
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(not_empty)]
    people: tuple[Person, ...] = ()
    substitutes: tuple[Substitute, ...] = ()
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    estimate_nutrition: StrictBool = False
    conversions: tuple[Conversion, ...] = ()
    aisles: tuple[Aisle, ...] | None = None
    constraints: Constraints = Field(default_factory=Constraints)
    weights: PlanWeights = Field(default_factory=PlanWeights)
    alternatives: Integer = Field(default=1, ge=1, le=5)
    alternatives_distance: Integer = Field(default=2, ge=2, le=31 * 8)
    timeout_ms: Integer = Field(default=5_000, ge=100, le=MAX_TIMEOUT_MS)

    @model_validator(mode="before")
    @classmethod
    def _lines_are_ingredients(cls, data: object) -> object:
        return without_lines(data)

    @field_validator(*_NULL_IS_THE_DEFAULT, mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return () if info.field_name in ("inventory", "people", "substitutes") else {}
        return value

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        horizon, constraints = self.planning_horizon, self.constraints
        known = set(without_duplicates([recipe.id for recipe in self.recipes], "recipe id"))
        all_known([lock.recipe_id for lock in constraints.locked_meals], known, "locked_meals")
        all_known(constraints.excluded_recipes, known, "excluded_recipes")
        recurring = constraints.recurring_meals
        wanted = [meal.recipe_id for meal in recurring if meal.recipe_id is not None]
        all_known(wanted, known, "recurring_meals")
        only = [entry.recipe_id for entry in self.substitutes if entry.recipe_id is not None]
        all_known(only, known, "substitutes")
        without_duplicates(self.aisles or (), "aisle")
        without_duplicates(
            [(s.recipe_id, s.instead_of, s.ingredient_id) for s in self.substitutes], "substitute"
        )
        days = {
            "locked_meals": [lock.date for lock in constraints.locked_meals],
            "time_budgets": list(constraints.time_budgets),
            "recurring_meals": [meal.date for meal in recurring if meal.date is not None],
        }
        for field, dates in days.items():
            outside = sorted({day.isoformat() for day in dates if day not in horizon})
            if outside:
                raise ValueError(f"{field} names dates outside the horizon: {joined(outside)}")
        meals = [lock.meal_type for lock in constraints.locked_meals if lock.meal_type is not None]
        for budget in constraints.time_budgets.values():
            meals.extend(budget if isinstance(budget, dict) else ())
        meals += [meal.meal_type for meal in recurring if meal.meal_type is not None]
        meals += constraints.courses
        unplanned = sorted(set(meals) - set(horizon.meal_types))
        if unplanned:
            raise ValueError(
                f"constraints name meal types that aren't planned: {joined(unplanned)}"
            )
        return self

    @model_validator(mode="after")
    def _people_eat(self) -> Self:
        ids = without_duplicates([person.id for person in self.people], "person id")
        for bound in self.constraints.nutrition:
            if bound.person is not None and bound.person not in ids:
                raise ValueError(f"nutrition names an unknown person: {bound.person}")
        if self.people and self.constraints.servings is not None:
            raise ValueError("give servings for people, or in the constraints, and not both")
        horizon = self.planning_horizon
        if self.people and not any(
            present
            for person in self.people
            for present in person.times(horizon.start_date, horizon.days, horizon.meal_types)
        ):
            raise ValueError("nobody in people is present at any of the planned meals")
        for meal in self.constraints.recurring_meals:
            courses = [
                course
                for meal_type in horizon.meal_types
                if meal.meal_type in (None, meal_type)
                for course in self.constraints.courses.get(meal_type, ())
            ]
            if meal.course is not None and meal.course not in courses:
                raise ValueError(f"recurring_meals names an unplanned course: {meal.course}")
        return self


class SuggestionIngredient(RequestModel):
    """An ingredient to cook with."""

    model_config = ConfigDict(json_schema_extra=or_plain_text(200))

    ingredient_id: Id | None = None
    name: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_text_is_id_or_name(cls, data: object) -> object:
        return {"ingredient_id": data, "name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _has_id_or_name(self) -> Self:
        if self.ingredient_id is None and self.name is None:
            raise ValueError("an ingredient needs an ingredient_id or a name")
        return self


class SuggestionRequest(RequestModel):
    """A request for recipes to cook now: with what expires first, or with given ingredients."""

    mode: Literal["use_expiring", "cook_with"]
    inventory: tuple[InventoryItem, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    ingredients: tuple[SuggestionIngredient, ...] = ()
    excluded_ingredients: tuple[Name, ...] = ()
    conversions: tuple[Conversion, ...] = ()
    limit: Integer = Field(default=5, ge=1, le=20)

    @model_validator(mode="before")
    @classmethod
    def _lines_are_ingredients(cls, data: object) -> object:
        return without_lines(data)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        without_duplicates([recipe.id for recipe in self.recipes], "recipe id")
        without_duplicates(self.excluded_ingredients, "excluded ingredient")
        if self.mode == "cook_with" and not self.ingredients:
            raise ValueError("cook_with needs at least one entry in ingredients")
        return self
