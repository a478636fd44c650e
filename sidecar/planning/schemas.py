"""Schemas of meal-plan and suggestion requests.

Every number is finite and bounded, every list has a maximum size (over it: `TooLarge`), ids are
unique where they name something, and every id that a constraint mentions exists. Constraints that
contradict each other are valid: the response explains them.
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

MAX_QUANTITY = 1_000_000
MAX_MINUTES = 10_080
MAX_TIMEOUT_MS = 50_000

_MAX_ENTRIES = {
    "inventory": 5_000,
    "recipes": 2_000,
    "ingredients": 100,
    "tags": 64,
    "locked_meals": 31 * 8,
    "excluded_recipes": 2_000,
    "dietary": 32,
    "excluded_ingredients": 100,
    "time_budgets": 31,
}

#: Names by which others know a constraint.
_OTHER_NAMES = dict.fromkeys(
    ("allergies", "allergens", "avoid_ingredients", "excluded_allergens", "intolerances"),
    "excluded_ingredients",
)

_Values = TypeVar("_Values", bound=Collection[object])
_MIXED_FRACTION = re.compile(r"(?:(\d{1,7})\s+)?(\d{1,7})/(\d{1,7})")


def _parse_fraction(value: object) -> object:
    """Convert a fraction ("1/2", "1 1/2") to a float. Raises ValueError for a boolean."""
    not_boolean(value)
    if not isinstance(value, str) or not (match := _MIXED_FRACTION.fullmatch(value.strip())):
        return value
    whole, numerator, denominator = (int(group or 0) for group in match.groups())
    return float(whole + Fraction(numerator, denominator)) if denominator else value


def _require_iso_date(value: object) -> object:
    """Raise ValueError for numbers, which pydantic would read as seconds since 1970."""
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
# Sorted, so that every process serializes the same request in the same way.
Tags = Annotated[frozenset[Tag], PlainSerializer(sorted, return_type=list[str])]
Quantity = Annotated[float, Field(gt=0, le=MAX_QUANTITY), BeforeValidator(_parse_fraction)]
Minutes = Annotated[int, Field(ge=0, le=MAX_MINUTES), NotBoolean]
Weight = Annotated[float, Field(ge=0, le=1), NotBoolean]
Day = Annotated[date, BeforeValidator(_require_iso_date)]
Integer = Annotated[int, NotBoolean]
Servings = Annotated[float, Field(gt=0, le=1_000), NotBoolean]


class _RequestModel(BaseModel):
    """Frozen; finite numbers only; unknown fields ignored; TooLarge for a list over its limit."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _within_limits(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for field, limit in _MAX_ENTRIES.items():
                value = data.get(field)
                if isinstance(value, list | dict) and len(value) > limit:
                    raise TooLarge(f"{field} has {len(value)} entries; the limit is {limit}")
        return data


class Horizon(_RequestModel):
    """The days and meals to plan, `days` x `meal_types` slots."""

    start_date: Day
    days: Integer = Field(ge=1, le=31)
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

    def __contains__(self, day: date) -> bool:
        return 0 <= (day - self.start_date).days < self.days


class InventoryItem(_RequestModel):
    """One lot of food at home. Days until expiry count from start_date; the last day is usable."""

    ingredient_id: Id
    name: Name
    quantity: Quantity
    unit: Unit = ""
    days_until_expiry: Integer | None = Field(default=None, ge=-36_500, le=36_500)


class Ingredient(_RequestModel):
    """An ingredient for cooking a recipe once. An optional ingredient is never bought for it."""

    ingredient_id: Id
    name: Name
    quantity: Quantity
    unit: Unit = ""
    optional: StrictBool = False


class Recipe(_RequestModel):
    """A recipe. Times are in minutes. Tags name meal types, diets and anything else."""

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
        """Return the minutes from start to table."""
        return self.prep_time + self.cook_time


class LockedMeal(_RequestModel):
    """A recipe fixed for a date. Without a meal type it may take any slot of the day."""

    date: Day
    recipe_id: Id
    meal_type: Tag | None = None


def _nullable(*fields: str) -> Callable[[dict[str, Any]], None]:
    """Allow null for the fields in the OpenAPI document, which doesn't see what validators take."""

    def allow_null(schema: dict[str, Any]) -> None:
        for field in fields:
            schema["properties"][field] = {"anyOf": [schema["properties"][field], {"type": "null"}]}

    return allow_null


class Constraints(_RequestModel):
    """Constraints on a plan. `servings` scales the recipes that state how many they serve.

    `excluded_ingredients` are ids, names and allergen groups (allergens.py). A constraint that is
    unknown is an error, for whoever sends it relies on it.
    """

    model_config = ConfigDict(json_schema_extra=_nullable("max_repeats"), extra="forbid")

    max_shopping_items: Integer | None = Field(default=None, ge=0, le=100_000)
    time_budgets: dict[Day, Minutes | dict[Tag, Minutes]] = Field(default_factory=dict)
    locked_meals: tuple[LockedMeal, ...] = ()
    excluded_recipes: tuple[Id, ...] = ()
    dietary: tuple[Tag, ...] = ()
    excluded_ingredients: tuple[Name, ...] = ()
    max_repeats: Integer = Field(default=1, ge=1, le=31 * 8)
    servings: Servings | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return _without_unknown(data, cls.model_fields, "constraint")

    @field_validator("max_repeats", mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object) -> object:
        return 1 if value is None else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _without_duplicates(self.excluded_recipes, "excluded recipe")
        _without_duplicates(self.dietary, "dietary tag")
        _without_duplicates(self.excluded_ingredients, "excluded ingredient")
        locks = [
            (lock.date.isoformat(), lock.meal_type, lock.recipe_id) for lock in self.locked_meals
        ]
        _without_duplicates(locks, "locked meal")
        return self


class PlanWeights(_RequestModel):
    """The weight of each objective, 0 (ignored) to 1."""

    expiring_priority: Weight = 0.4
    shopping_minimization: Weight = 0.3
    variety: Weight = 0.2
    time_fit: Weight = 0.1


_NULL_IS_THE_DEFAULT = ("constraints", "weights", "inventory")


class PlanRequest(_RequestModel):
    """A meal-plan request.

    Raises (through pydantic) ValidationError for a bad field, and `TooLarge` for an oversized list.
    """

    model_config = ConfigDict(json_schema_extra=_nullable(*_NULL_IS_THE_DEFAULT))

    planning_horizon: Horizon
    inventory: tuple[InventoryItem, ...] = ()
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(_not_empty)]
    constraints: Constraints = Field(default_factory=Constraints)
    weights: PlanWeights = Field(default_factory=PlanWeights)
    alternatives: Integer = Field(default=1, ge=1, le=5)
    timeout_ms: Integer = Field(default=5_000, ge=100, le=MAX_TIMEOUT_MS)

    @field_validator(*_NULL_IS_THE_DEFAULT, mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return () if info.field_name == "inventory" else {}
        return value

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        horizon, constraints = self.planning_horizon, self.constraints
        known = set(_without_duplicates([recipe.id for recipe in self.recipes], "recipe id"))
        _all_known([lock.recipe_id for lock in constraints.locked_meals], known, "locked_meals")
        _all_known(constraints.excluded_recipes, known, "excluded_recipes")
        days = {
            "locked_meals": [lock.date for lock in constraints.locked_meals],
            "time_budgets": list(constraints.time_budgets),
        }
        for field, dates in days.items():
            outside = sorted({day.isoformat() for day in dates if day not in horizon})
            if outside:
                raise ValueError(f"{field} names dates outside the horizon: {_joined(outside)}")
        meals = [lock.meal_type for lock in constraints.locked_meals if lock.meal_type is not None]
        for budget in constraints.time_budgets.values():
            meals.extend(budget if isinstance(budget, dict) else ())
        unplanned = sorted(set(meals) - set(horizon.meal_types))
        if unplanned:
            raise ValueError(
                f"constraints name meal types that aren't planned: {_joined(unplanned)}"
            )
        return self


def _or_plain_text(schema: dict[str, Any]) -> None:
    """Allow a plain string in the OpenAPI document, which doesn't see what validators take."""
    object_schema = dict(schema)
    schema.clear()
    schema["anyOf"] = [object_schema, {"type": "string", "minLength": 1, "maxLength": 200}]


class SuggestionIngredient(_RequestModel):
    """An ingredient to cook with."""

    model_config = ConfigDict(json_schema_extra=_or_plain_text)

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


class SuggestionRequest(_RequestModel):
    """A request for recipes to cook now: with what expires first, or with given ingredients."""

    mode: Literal["use_expiring", "cook_with"]
    inventory: tuple[InventoryItem, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    ingredients: tuple[SuggestionIngredient, ...] = ()
    excluded_ingredients: tuple[Name, ...] = ()
    limit: Integer = Field(default=5, ge=1, le=20)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _without_duplicates([recipe.id for recipe in self.recipes], "recipe id")
        _without_duplicates(self.excluded_ingredients, "excluded ingredient")
        if self.mode == "cook_with" and not self.ingredients:
            raise ValueError("cook_with needs at least one entry in ingredients")
        return self


def _without_duplicates(values: _Values, kind: str) -> _Values:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{kind} appears twice: {value}")
        seen.add(value)
    return values


def _without_unknown(data: object, known: Iterable[str], kind: str) -> object:
    """Raise ValueError for an unknown field. Other names of a known one are answered with it."""
    if isinstance(data, Mapping) and (
        unknown := sorted({str(key)[:60] for key in data} - {*known})
    ):
        hints = [_OTHER_NAMES[name] for name in unknown if name in _OTHER_NAMES]
        known_names = _joined(sorted(set(hints) or set(known)), limit=len(set(known)))
        raise ValueError(
            f"the planner doesn't know the {kind} {_joined(unknown)}; it knows {known_names}"
        )
    return data


def _all_known(ids: Iterable[str], known: set[str], field: str) -> None:
    unknown = sorted(set(ids) - known)
    if unknown:
        raise ValueError(f"{field} names recipes that are not in the request: {_joined(unknown)}")


def _joined(words: list[str], limit: int = 5) -> str:
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
