"""Schemas of people, recurring meals and nutrition."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    field_validator,
    model_validator,
)

from sidecar.core.validation import NotBoolean
from sidecar.planning.schema_types import (
    MAX_QUANTITY,
    Day,
    Id,
    Name,
    Price,
    Quantity,
    RequestModel,
    Servings,
    Tag,
    Tags,
    Unit,
    Weight,
    fold,
    nullable,
    without_duplicates,
    without_unknown,
)

Weekday = Annotated[
    Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    BeforeValidator(fold),
]
Nutrient = Literal[
    "kcal", "protein", "fat", "saturated_fat", "carbohydrate", "sugar", "fibre", "salt"
]
Amount = Annotated[float, Field(ge=0, le=MAX_QUANTITY), NotBoolean]
_WORKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday"})


class MealTime(RequestModel):
    """A date, or days of the week, or any day; one meal of it, or all."""

    model_config = ConfigDict(extra="forbid")

    date: Day | None = None
    weekdays: tuple[Weekday, ...] = ()
    meal_type: Tag | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "field")

    @model_validator(mode="after")
    def _one_kind_of_day(self) -> Self:
        if self.date is not None and self.weekdays:
            raise ValueError("give a date or weekdays, not both")
        without_duplicates(self.weekdays, "weekday")
        return self

    def includes(self, day: dt.date, meal_type: str) -> bool:
        """Return whether a meal is at this time."""
        return (
            (self.date is None or self.date == day)
            and (not self.weekdays or f"{day:%A}".lower() in self.weekdays)
            and self.meal_type in (None, meal_type)
        )

    def words(self) -> str:
        """Return the time in words."""
        if self.date is not None:
            day = f"on {self.date.isoformat()}"
        elif self.weekdays:
            day = f"on {_weekday_words(self.weekdays)}"
        else:
            day = "every day"
        return day if self.meal_type is None else f"{day} for {self.meal_type}"


def _weekday_words(names: tuple[str, ...]) -> str:
    if set(names) == _WORKDAYS:
        return "weekdays"
    *first, last = [f"{name.title()}s" for name in names]
    return f"{', '.join(first)} and {last}" if first else last


class Attendance(MealTime):
    """When something is so, or somebody is at the table; a date alone may be a plain string."""

    @model_validator(mode="before")
    @classmethod
    def _plain_date(cls, data: object) -> object:
        return {"date": data} if isinstance(data, str) else data


class RecurringMeal(MealTime):
    """A meal, or its first or a named course, that is always one recipe or one with a tag."""

    tag: Tag | None = None
    recipe_id: Id | None = None
    course: Tag | None = None

    @model_validator(mode="after")
    def _one_kind_of_dish(self) -> Self:
        if (self.tag is None) == (self.recipe_id is None):
            raise ValueError("a recurring meal needs a tag or a recipe_id, and not both")
        return self


class Substitute(RequestModel):
    """An ingredient that may take the place of another, in every recipe or in one.

    `ratio` is its quantity, in its own unit (by default the other's), for one unit of the other.
    A `penalty` of 1 is worth one purchase at weight 1.
    """

    model_config = ConfigDict(extra="forbid")

    ingredient_id: Id
    name: Name | None = None
    instead_of: Id
    recipe_id: Id | None = None
    ratio: Annotated[float, Field(gt=0, le=1_000), NotBoolean] = 1
    unit: Unit | None = None
    penalty: Weight = 0.1
    price: Price | None = None
    price_quantity: Quantity = 1

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "field of a substitute")

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.ingredient_id == self.instead_of:
            raise ValueError(f"{self.instead_of} can't be its own substitute")
        return self


class Nutrition(RequestModel):
    """Nutrients of a serving, in kcal and grams."""

    model_config = ConfigDict(extra="forbid")

    kcal: Amount | None = None
    protein: Amount | None = None
    fat: Amount | None = None
    saturated_fat: Amount | None = None
    carbohydrate: Amount | None = None
    sugar: Amount | None = None
    fibre: Amount | None = None
    salt: Amount | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "nutrient")


#: The names of nutrients.
NUTRIENTS = tuple(Nutrition.model_fields)


class NutritionBound(RequestModel):
    """A bound on what one person, or each, eats of a nutrient in a day or a week.

    A soft bound is a goal that costs points where it is missed.
    """

    model_config = ConfigDict(extra="forbid")

    nutrient: Nutrient
    min: Annotated[float, Field(gt=0, le=MAX_QUANTITY), NotBoolean] | None = None
    max: Annotated[float, Field(gt=0, le=MAX_QUANTITY), NotBoolean] | None = None
    per: Literal["day", "week"] = "day"
    person: Id | None = None
    soft: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "field of a bound")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a bound needs a min or a max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class Person(RequestModel):
    """Somebody to feed: how much, with what, and when.

    `excluded_ingredients` and `dislikes` are ids, names and allergen groups; neither is served.
    With `present`, a guest is there at these times only; `absent` comes off.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=nullable("servings"))

    id: Id
    name: Name | None = None
    servings: Servings = 1
    excluded_tags: Tags = frozenset()
    required_tags: Tags = frozenset()
    excluded_ingredients: tuple[Name, ...] = ()
    dislikes: tuple[Name, ...] = ()
    absent: tuple[Attendance, ...] = ()
    present: tuple[Attendance, ...] | None = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        return without_unknown(data, cls.model_fields, "field of a person")

    @field_validator("servings", mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object) -> object:
        return 1 if value is None else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        without_duplicates(self.excluded_ingredients, "excluded ingredient")
        without_duplicates(self.dislikes, "disliked ingredient")
        return self

    @property
    def label(self) -> str:
        return self.name or self.id

    def is_present(self, day: dt.date, meal_type: str) -> bool:
        """Return whether somebody eats a meal."""
        return (
            self.present is None or any(time.includes(day, meal_type) for time in self.present)
        ) and not any(time.includes(day, meal_type) for time in self.absent)

    def times(self, start: dt.date, days: int, meal_types: tuple[str, ...]) -> Iterator[bool]:
        """Yield whether somebody eats each meal, in order of time."""
        for day in range(days):
            for meal_type in meal_types:
                yield self.is_present(start + dt.timedelta(days=day), meal_type)
