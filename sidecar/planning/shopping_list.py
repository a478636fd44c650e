"""A shopping list for recipes and stock, without a plan."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Final

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from sidecar.core.errors import TooLarge
from sidecar.ingredients import units
from sidecar.ingredients.schemas import Conversion
from sidecar.planning.recipe_lines import without_lines
from sidecar.planning.schema_types import Aisle, RequestModel, Servings, without_duplicates
from sidecar.planning.schemas import InventoryItem, Recipe
from sidecar.planning.stock_builder import StockBuilder

MODEL_ID: Final = "shopping-list"
MODEL_VERSION: Final = "1"
MAX_FOODS: Final = 1_000


class ShoppingListRequest(RequestModel):
    """Recipes to cook once each, for `servings` where they state how many they serve.

    `aisles` are the shop's departments in the order of the way through it.
    """

    recipes: Annotated[tuple[Recipe, ...], Field(min_length=1)]
    inventory: tuple[InventoryItem, ...] = ()
    servings: Servings | None = None
    conversions: tuple[Conversion, ...] = ()
    aisles: tuple[Aisle, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _lines_are_ingredients(cls, data: object) -> object:
        return without_lines(data)

    @model_validator(mode="after")
    def _distinct(self) -> "ShoppingListRequest":
        without_duplicates([recipe.id for recipe in self.recipes], "recipe id")
        without_duplicates(self.aisles, "aisle")
        return self


@dataclass(frozen=True, slots=True)
class ShoppingEntry:
    """A food to buy: amounts that don't convert into each other, and the recipes that need it."""

    ingredient_id: str
    name: str
    amounts: tuple[tuple[float, str], ...]
    recipes: tuple[str, ...]  # ids


@dataclass(frozen=True, slots=True)
class ShoppingList:
    """The foods to buy by name, and what couldn't be converted."""

    entries: tuple[ShoppingEntry, ...]
    warnings: tuple[str, ...]


def shopping_list(request: ShoppingListRequest) -> ShoppingList:
    """Return what cooking all recipes needs beyond the unexpired stock.

    Raises:
        TooLarge: for a list of more than `MAX_FOODS`.
    """
    builder = StockBuilder(
        request.inventory, request.recipes, rescue_points=0, days=1, conversions=request.conversions
    )
    needs: dict[int, int] = defaultdict(int)
    users: dict[int, list[str]] = defaultdict(list)
    for recipe in request.recipes:
        for number, parts in builder.needs(recipe, _scale(recipe, request.servings)):
            needs[number] += parts
            users[number].append(recipe.id)
    amounts: dict[int, list[tuple[float, str]]] = defaultdict(list)
    recipes: dict[int, dict[str, None]] = defaultdict(dict)
    for number, parts in needs.items():
        stock = builder.stocks[number]
        missing = parts - sum(lot.quantity for lot in stock.lots)
        if missing > 0:
            bought = units.in_unit(stock.bought(missing), stock.measure)
            amounts[stock.item].append((bought, stock.unit))
            recipes[stock.item].update(dict.fromkeys(users[number]))
    entries = [
        ShoppingEntry(builder.items[i].id, builder.items[i].name, tuple(a), tuple(recipes[i]))
        for i, a in amounts.items()
    ]
    if len(entries) > MAX_FOODS:
        raise TooLarge(f"The list has {len(entries)} foods; the limit is {MAX_FOODS}.")
    entries.sort(key=lambda entry: (entry.name.casefold(), entry.ingredient_id))
    return ShoppingList(tuple(entries), tuple(builder.warnings))


class ShoppingAmount(TypedDict):
    """A quantity in a unit of the recipes."""

    quantity: float
    unit: str


class ShoppingItem(ShoppingAmount):
    """A food to buy; `also` lists amounts in units that don't convert to `unit`."""

    ingredient_id: str
    name: str
    also: list[ShoppingAmount]
    category: str | None
    for_recipes: list[str]


class ShoppingListResponse(TypedDict):
    """The foods to buy, in the order of the aisles."""

    items: list[ShoppingItem]
    warnings: list[str]


def shopping_list_response(
    found: ShoppingList, aisles: Sequence[str], aisle_of: Mapping[str, str]
) -> ShoppingListResponse:
    """Return the payload, in the order of the aisles; `aisle_of` maps names of foods to them."""
    order = {aisle: number for number, aisle in enumerate(aisles)}
    entries = sorted(
        found.entries, key=lambda entry: order.get(aisle_of.get(entry.name, ""), len(order))
    )
    return {
        "items": [
            {
                "ingredient_id": entry.ingredient_id,
                "name": entry.name,
                "quantity": entry.amounts[0][0],
                "unit": entry.amounts[0][1],
                "also": [{"quantity": q, "unit": unit} for q, unit in entry.amounts[1:]],
                "category": aisle_of.get(entry.name),
                "for_recipes": list(entry.recipes),
            }
            for entry in entries
        ],
        "warnings": list(found.warnings),
    }


def _scale(recipe: Recipe, servings: float | None) -> Fraction:
    if servings is None or recipe.servings is None:
        return Fraction(1)
    return Fraction(repr(float(servings))) / Fraction(repr(float(recipe.servings)))
