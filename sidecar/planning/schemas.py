"""What a meal-plan or suggestion request may say, and nothing more.

Every number is finite and bounded, every list has a largest size (over it: `TooLarge`), ids are
unique where they name something, and every id a constraint mentions exists. Whether the
constraints can be met together is not decided here: that is an answer, not an error.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sidecar.core.errors import TooLarge
from sidecar.core.validation import NotBoolean, not_boolean

MAX_RECIPES = 2_000
MAX_INVENTORY = 5_000
MAX_INGREDIENTS = 100
MAX_QUANTITY = 1_000_000
MAX_MINUTES = 10_080
MAX_TIMEOUT_MS = 50_000

_LIMITS = {
    "inventory": MAX_INVENTORY,
    "recipes": MAX_RECIPES,
    "ingredients": MAX_INGREDIENTS,
    "tags": 64,
    "locked_meals": 31 * 8,
    "excluded_recipes": MAX_RECIPES,
    "dietary": 32,
    "time_budgets": 31,
}

_Values = TypeVar("_Values", bound=Collection[object])
_MIXED_FRACTION = re.compile(r"(?:(\d{1,7})\s+)?(\d{1,7})/(\d{1,7})")


def _decimal_of_fraction(value: object) -> object:
    """A written fraction ("1/2", "1 1/2") as a float; all else but booleans is left to pydantic."""
    not_boolean(value)
    if not isinstance(value, str) or not (found := _MIXED_FRACTION.fullmatch(value.strip())):
        return value
    whole, top, bottom = (int(part or 0) for part in found.groups())
    return float(whole + Fraction(top, bottom)) if bottom else value


def _written(value: object) -> object:
    """Pydantic takes a number, written or not, for seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("must be a date such as 2026-01-12")
    return value


def _not_empty(values: _Values) -> _Values:
    if not values:
        raise ValueError("at least one entry is needed")
    return values


def _fold(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Unit = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=60), BeforeValidator(_fold)]
# In order, so that the same request is written the same way by every process.
Tags = Annotated[frozenset[Tag], PlainSerializer(sorted, return_type=list[str])]
Quantity = Annotated[float, Field(gt=0, le=MAX_QUANTITY), BeforeValidator(_decimal_of_fraction)]
Minutes = Annotated[int, Field(ge=0, le=MAX_MINUTES), NotBoolean]
Weight = Annotated[float, Field(ge=0, le=1), NotBoolean]
Day = Annotated[date, BeforeValidator(_written)]
Whole = Annotated[int, NotBoolean]
Servings = Annotated[float, Field(gt=0, le=1_000), NotBoolean]


class _Part(BaseModel):
    """Frozen; finite numbers only; unknown fields ignored; oversized lists refused unparsed."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _within_limits(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for field, limit in _LIMITS.items():
                value = data.get(field)
                if isinstance(value, list | dict) and len(value) > limit:
                    raise TooLarge(f"{field} holds {len(value)} entries; the limit is {limit}")
        return data


class Horizon(_Part):
    """The days and meals to plan, `days` x `meal_types` slots."""

    start_date: Day
    days: Whole = Field(ge=1, le=31)
    meal_types: Annotated[tuple[Tag, ...], AfterValidator(_not_empty)] = Field(
        default=("dinner",), max_length=8
    )

    @field_validator("meal_types")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _without_duplicates(value, "meal type")

    @model_validator(mode="after")
    def _within_the_calendar(self) -> Self:
        if date.max - self.start_date < timedelta(days=31):
            raise ValueError("start_date is too late for the calendar")
        return self

    def day(self, index: int) -> date:
        """The date of day `index`, 0 being the first."""
        return self.start_date + timedelta(days=index)

    def index(self, day: date) -> int | None:
        """The index of a date, None when it lies outside the horizon."""
        offset = (day - self.start_date).days
        return offset if 0 <= offset < self.days else None


class InventoryItem(_Part):
    """One lot of food at home. Days until expiry count from start_date; the last day is usable."""

    ingredient_id: Id
    name: Name
    quantity: Quantity
    unit: Unit = ""
    days_until_expiry: Whole | None = Field(default=None, ge=-36_500, le=36_500)


class Ingredient(_Part):
    """What one cooking of a recipe needs. An optional ingredient is never bought for it."""

    ingredient_id: Id
    name: Name
    quantity: Quantity
    unit: Unit = ""
    optional: StrictBool = False


class Recipe(_Part):
    """A dish. Times in minutes; tags name meal types, diets and whatever else the user likes."""

    id: Id
    name: Name
    prep_time: Minutes = 0
    cook_time: Minutes = 0
    servings: Servings | None = None
    cuisine: Tag | None = None
    ingredients: Annotated[tuple[Ingredient, ...], AfterValidator(_not_empty)]
    tags: Tags = frozenset()
    is_favorite: StrictBool = False

    @field_validator("cuisine", mode="before")
    @classmethod
    def _blank_cuisine_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @property
    def minutes(self) -> int:
        """Minutes from start to table."""
        return self.prep_time + self.cook_time


class LockedMeal(_Part):
    """A meal the user has settled. Without a meal type any slot of the day will do."""

    date: Day
    recipe_id: Id
    meal_type: Tag | None = None


def _or_null(*fields: str) -> Callable[[dict[str, Any]], None]:
    """For the OpenAPI document, which doesn't see what a validator takes: null for the fields."""

    def told(schema: dict[str, Any]) -> None:
        for field in fields:
            schema["properties"][field] = {"anyOf": [schema["properties"][field], {"type": "null"}]}

    return told


class Constraints(_Part):
    """What a plan must obey. `servings` scales recipes that say how many they serve."""

    model_config = ConfigDict(json_schema_extra=_or_null("max_repeats"))

    max_shopping_items: Whole | None = Field(default=None, ge=0, le=100_000)
    time_budgets: dict[Day, Minutes | dict[Tag, Minutes]] = Field(default_factory=dict)
    locked_meals: tuple[LockedMeal, ...] = ()
    excluded_recipes: tuple[Id, ...] = ()
    dietary: tuple[Tag, ...] = ()
    max_repeats: Whole = Field(default=1, ge=1, le=31 * 8)
    servings: Servings | None = None

    @field_validator("max_repeats", mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object) -> object:
        return 1 if value is None else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _without_duplicates(self.excluded_recipes, "excluded recipe")
        _without_duplicates(self.dietary, "dietary tag")
        locks = [
            (lock.date.isoformat(), lock.meal_type, lock.recipe_id) for lock in self.locked_meals
        ]
        _without_duplicates(locks, "locked meal")
        return self


class PlanWeights(_Part):
    """How much each aim counts, 0 (not at all) to 1."""

    expiring_priority: Weight = 0.4
    shopping_minimization: Weight = 0.3
    variety: Weight = 0.2
    time_fit: Weight = 0.1


_NULL_IS_THE_DEFAULT = ("constraints", "weights", "inventory")


class PlanRequest(_Part):
    """A meal-plan request as the contract words it.

    Raises (through pydantic) ValidationError for a bad field, and `TooLarge` for an oversized list.
    """

    model_config = ConfigDict(json_schema_extra=_or_null(*_NULL_IS_THE_DEFAULT))

    planning_horizon: Horizon
    inventory: tuple[InventoryItem, ...] = ()
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(_not_empty)]
    constraints: Constraints = Field(default_factory=Constraints)
    weights: PlanWeights = Field(default_factory=PlanWeights)
    alternatives: Whole = Field(default=1, ge=1, le=5)
    timeout_ms: Whole = Field(default=5_000, ge=100, le=MAX_TIMEOUT_MS)

    @field_validator(*_NULL_IS_THE_DEFAULT, mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return () if info.field_name == "inventory" else {}
        return value

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Self:
        horizon, constraints = self.planning_horizon, self.constraints
        known = set(_without_duplicates([recipe.id for recipe in self.recipes], "recipe id"))
        _all_known([lock.recipe_id for lock in constraints.locked_meals], known, "locked_meals")
        _all_known(constraints.excluded_recipes, known, "excluded_recipes")
        days = {
            "locked_meals": [lock.date for lock in constraints.locked_meals],
            "time_budgets": list(constraints.time_budgets),
        }
        for field, dates in days.items():
            outside = sorted({day.isoformat() for day in dates if horizon.index(day) is None})
            if outside:
                raise ValueError(f"{field} names dates outside the horizon: {_listed(outside)}")
        meals = [lock.meal_type for lock in constraints.locked_meals if lock.meal_type is not None]
        for budget in constraints.time_budgets.values():
            meals.extend(budget if isinstance(budget, dict) else ())
        unplanned = sorted(set(meals) - set(horizon.meal_types))
        if unplanned:
            raise ValueError(
                f"constraints name meal types that aren't planned: {_listed(unplanned)}"
            )
        return self


def _or_plain_text(schema: dict[str, Any]) -> None:
    """For the OpenAPI document, which doesn't see what a validator takes."""
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [whole, {"type": "string", "minLength": 1, "maxLength": 200}]


class SuggestionIngredient(_Part):
    """An ingredient to cook with."""

    model_config = ConfigDict(json_schema_extra=_or_plain_text)

    ingredient_id: Id | None = None
    name: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_text_is_either(cls, data: object) -> object:
        return {"ingredient_id": data, "name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.ingredient_id is None and self.name is None:
            raise ValueError("an ingredient needs an ingredient_id or a name")
        return self


class SuggestionRequest(_Part):
    """What to cook now: with what expires first, or with given ingredients."""

    mode: Literal["use_expiring", "cook_with"]
    inventory: tuple[InventoryItem, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    ingredients: tuple[SuggestionIngredient, ...] = ()
    limit: Whole = Field(default=5, ge=1, le=20)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _without_duplicates([recipe.id for recipe in self.recipes], "recipe id")
        if self.mode == "cook_with" and not self.ingredients:
            raise ValueError("cook_with needs at least one entry in ingredients")
        return self


def _without_duplicates(values: _Values, what: str) -> _Values:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} appears twice: {value}")
        seen.add(value)
    return values


def _all_known(ids: Iterable[str], known: set[str], field: str) -> None:
    unknown = sorted(set(ids) - known)
    if unknown:
        raise ValueError(f"{field} names recipes that are not in the request: {_listed(unknown)}")


def _listed(words: list[str], most: int = 5) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
