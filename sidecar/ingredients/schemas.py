"""Request and response of the parsing of ingredient lines."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from sidecar.core.validation import FailFastModel, NotBlank, NotBoolean, max_length, unique
from sidecar.ingredients.amounts import Size
from sidecar.ingredients.catalog import CatalogMatch, FoodMatch
from sidecar.ingredients.lines import MAX_LENGTH, IngredientLine
from sidecar.ingredients.units import UnitMeasure, measure
from sidecar.text.words import singulars

MODEL_ID: Final = "ingredient-rules"
MODEL_VERSION: Final = "1"

MAX_LINES: Final = 1_000
MAX_CATALOG: Final = 5_000
MAX_CONVERSIONS: Final = 1_000
_MAX_NAME: Final = 300

Language = Literal["en", "de", "fr", "es", "it", "pt", "nl", "pl"]
Amount = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False), NotBoolean]
Line = Annotated[str, max_length(MAX_LENGTH, "characters of a line"), NotBlank]


class CatalogFood(FailFastModel, frozen=True):
    """A food of the caller's catalog."""

    ingredient_id: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=_MAX_NAME), NotBlank]


class Conversion(FailFastModel, frozen=True):
    """One `unit` is `quantity` of `to`: of the food of this name, or of any food."""

    unit: Annotated[str, Field(max_length=50), NotBlank]
    quantity: Amount
    to: Annotated[str, Field(max_length=50), NotBlank]
    name: Annotated[str, Field(min_length=1, max_length=_MAX_NAME)] | None = None

    @model_validator(mode="after")
    def _of_another_kind(self) -> Self:
        if measure(self.unit, "").dimension == measure(self.to, "").dimension:
            raise ValueError(f"{self.unit} and {self.to} are units of the same kind")
        return self


class Conversions:
    """A caller's conversions, by the dimension that they convert.

    A thousand of them are looked at for each of a thousand lines.
    """

    def __init__(self, conversions: Sequence[Conversion]) -> None:
        self._by_dimension: dict[str, dict[tuple[frozenset[str], str], Fraction]] = {}
        for conversion in conversions:
            own = measure(conversion.unit, "")
            food = frozenset(singulars(conversion.name or ""))
            # Of conversions of the same food to the same unit the first one counts.
            self._by_dimension.setdefault(own.dimension, {}).setdefault(
                (food, conversion.to), Fraction(repr(conversion.quantity)) / own.size
            )

    def measures(self, unit: str, name: str) -> Iterator[UnitMeasure]:
        """Yield the measures that the conversions give a unit of a food, in their order."""
        given = measure(unit, "")
        found = self._by_dimension.get(given.dimension)
        if found is None:
            return
        foods = frozenset(singulars(name))
        for (food, to), factor in found.items():
            if food <= foods:
                target = measure(to, name)
                yield UnitMeasure(target.dimension, factor * given.size * target.size)


class IngredientParseRequest(FailFastModel, frozen=True):
    """Ingredient lines. Without a language, each line's is detected."""

    lines: Annotated[tuple[Line, ...], max_length(MAX_LINES, "lines"), Field(min_length=1)]
    language: Language | None = None
    catalog: Annotated[
        tuple[CatalogFood, ...],
        max_length(MAX_CATALOG, "foods of a catalog"),
        unique("ingredient_ids", attrgetter("ingredient_id")),
    ] = ()
    conversions: Annotated[tuple[Conversion, ...], max_length(MAX_CONVERSIONS, "conversions")] = ()


class PackageSize(TypedDict):
    """What one package or piece holds."""

    quantity: float | None
    unit: str


class AlternativeFood(TypedDict):
    """Another food that the line allows."""

    quantity: float | None
    unit: str | None
    name: str


class ParsedLine(TypedDict):
    """An ingredient line."""

    text: str
    quantity: float | None
    quantity_max: float | None
    unit: str | None
    unit_text: str | None
    size: PackageSize | None
    name: str
    note: str | None
    optional: bool
    alternatives: list[AlternativeFood]
    language: str
    confidence: float


class ParsedIngredient(ParsedLine):
    """An ingredient line, with its weight and its food of the catalog."""

    grams: float | None
    match: FoodMatch | None


class ParsedIngredients(TypedDict):
    """Each line, in the lines' order."""

    ingredients: list[ParsedIngredient]


def parse_response(
    request: IngredientParseRequest,
    lines: Sequence[IngredientLine],
    matches: Sequence[CatalogMatch | None],
) -> ParsedIngredients:
    """Return the payload: each line in order."""
    conversions = Conversions(request.conversions)
    return {
        "ingredients": [
            {
                **line_response(line),
                "grams": _rounded(grams(line, conversions)),
                "match": match.response() if match is not None else None,
            }
            for line, match in zip(lines, matches, strict=True)
        ]
    }


def line_response(line: IngredientLine) -> ParsedLine:
    """Return a parsed line as responses show it."""
    return {
        "text": line.text,
        "quantity": _rounded(line.quantity),
        "quantity_max": _rounded(line.quantity_max),
        "unit": line.unit,
        "unit_text": line.unit_text or None,
        "size": _size(line.size),
        "name": line.name,
        "note": line.note or None,
        "optional": line.optional,
        "alternatives": [
            {"quantity": _rounded(other.quantity), "unit": other.unit, "name": other.name}
            for other in line.alternatives
        ],
        "language": line.language,
        "confidence": line.confidence,
    }


def grams(line: IngredientLine, conversions: Conversions | None = None) -> Fraction | None:
    """Return what a line weighs, None where its unit has no known weight of its food.

    The caller's conversions come first, then the size of a package, then the unit's own.
    """
    if line.quantity is None or line.unit is None:
        return None
    if conversions is not None:
        for converted in conversions.measures(line.unit_text or line.unit, line.name):
            if converted.dimension == "g":
                return line.quantity * converted.size
    own = measure(line.unit if line.size is None else line.size.unit, line.name)
    if own.dimension != "g":
        return None
    return line.quantity * own.size * (line.size.quantity if line.size is not None else 1)


def redact_catalog(request: IngredientParseRequest) -> dict[str, Any]:
    """Return the request as its artifact stores it, with the number of foods alone."""
    payload = request.model_dump(mode="json", exclude_unset=True, exclude={"catalog"})
    return {**payload, "catalog": len(request.catalog)}


def _size(size: Size | None) -> PackageSize | None:
    return None if size is None else {"quantity": _rounded(size.quantity), "unit": size.unit}


def _rounded(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 6)
