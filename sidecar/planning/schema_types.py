"""Types, limits and checks that the planner's schemas share."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from sidecar.core.errors import TooLarge
from sidecar.core.validation import FailFastModel, NotBoolean, not_boolean
from sidecar.ingredients.numbers import parse_amount

MAX_QUANTITY = 1_000_000
MAX_MINUTES = 10_080
MAX_TIMEOUT_MS = 50_000
MAX_COURSES = 16

_MAX_ENTRIES = {
    "inventory": 5_000,
    "recipes": 2_000,
    "ingredients": 100,
    "tags": 64,
    "locked_meals": 31 * 8,
    "excluded_recipes": 2_000,
    "dietary": 32,
    "excluded_ingredients": 100,
    "people": 20,
    "dislikes": 100,
    "excluded_tags": 64,
    "required_tags": 64,
    "absent": 31 * 8,
    "present": 31 * 8,
    "recurring_meals": 31 * 8,
    "courses": 8,
    "no_cooking": 31 * 8,
    "nutrition": 64,
    "substitutes": 500,
    "no_leftovers": 31 * 8,
    "time_budgets": 31,
    "conversions": 200,
    "aisles": 100,
}

#: Names by which others know a constraint.
_OTHER_NAMES = dict.fromkeys(
    ("allergies", "allergens", "avoid_ingredients", "excluded_allergens", "intolerances"),
    "excluded_ingredients",
)

_Values = TypeVar("_Values", bound=Collection[object])
_MAX_QUANTITY_LENGTH = 40


def _parse_quantity(value: object) -> object:
    """Convert an amount ("½", "1 1/2", "0,5") to a float. Raises ValueError for a boolean."""
    not_boolean(value)
    if not isinstance(value, str) or len(value) > _MAX_QUANTITY_LENGTH:
        return value
    amount = parse_amount(value)
    return value if amount is None else float(amount)


def _require_iso_date(value: object) -> object:
    """Raise ValueError for numbers, which pydantic would read as seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("must be a date such as 2026-01-12")
    return value


def not_empty(values: _Values) -> _Values:
    if not values:
        raise ValueError("at least one entry is needed")
    return values


def fold(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Unit = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=60), BeforeValidator(fold)]
# Sorted, so that every process serializes the same request in the same way.
Tags = Annotated[frozenset[Tag], PlainSerializer(sorted, return_type=list[str])]
Quantity = Annotated[float, Field(gt=0, le=MAX_QUANTITY), BeforeValidator(_parse_quantity)]
Minutes = Annotated[int, Field(ge=0, le=MAX_MINUTES), NotBoolean]
Weight = Annotated[float, Field(ge=0, le=1), NotBoolean]
Day = Annotated[date, BeforeValidator(_require_iso_date)]
Integer = Annotated[int, NotBoolean]
Price = Annotated[
    Decimal, Field(ge=0, le=MAX_QUANTITY, decimal_places=8, allow_inf_nan=False), NotBoolean
]
Aisle = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Servings = Annotated[float, Field(gt=0, le=1_000), NotBoolean]


class RequestModel(FailFastModel):
    """Frozen; finite numbers only; unknown fields ignored; TooLarge for a list over its limit."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _within_limits(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for field, limit in _MAX_ENTRIES.items():
                value = data.get(field)
                if isinstance(value, list | dict) and len(value) > limit:
                    raise TooLarge(f"{field} has {len(value)} entries; the limit is {limit}.")
        return data


def nullable(*fields: str) -> Callable[[dict[str, Any]], None]:
    """Allow null for the fields in the OpenAPI document, which doesn't see what validators take."""

    def allow_null(schema: dict[str, Any]) -> None:
        for field in fields:
            schema["properties"][field] = {"anyOf": [schema["properties"][field], {"type": "null"}]}

    return allow_null


def or_plain_text(max_length: int) -> Callable[[dict[str, Any]], None]:
    """Allow a plain string in the OpenAPI document, which doesn't see what validators take."""

    def allow_text(schema: dict[str, Any]) -> None:
        object_schema = dict(schema)
        schema.clear()
        text = {"type": "string", "minLength": 1, "maxLength": max_length}
        schema["anyOf"] = [object_schema, text]

    return allow_text


def without_duplicates(values: _Values, kind: str) -> _Values:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{kind} appears twice: {value}")
        seen.add(value)
    return values


def without_unknown(data: object, known: Iterable[str], kind: str) -> object:
    """Raise ValueError for an unknown field. Other names of a known one are answered with it."""
    if isinstance(data, Mapping) and (
        unknown := sorted({str(key)[:60] for key in data} - {*known})
    ):
        hints = [_OTHER_NAMES[name] for name in unknown if name in _OTHER_NAMES]
        known_names = joined(sorted(set(hints) or set(known)), limit=len(set(known)))
        raise ValueError(
            f"the planner doesn't know the {kind} {joined(unknown)}; it knows {known_names}"
        )
    return data


def all_known(ids: Iterable[str], known: set[str], field: str) -> None:
    unknown = sorted(set(ids) - known)
    if unknown:
        raise ValueError(f"{field} names recipes that are not in the request: {joined(unknown)}")


def joined(words: list[str], limit: int = 5) -> str:
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
