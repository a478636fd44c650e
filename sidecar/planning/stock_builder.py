"""Builds the stocks of a problem from the inventory and the needs of recipes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from sidecar.ingredients import units
from sidecar.ingredients.schemas import Conversion, Conversions
from sidecar.planning.problem import EXPIRING_DAYS, NEVER, Lot, ShoppingItem, Stock
from sidecar.planning.schemas import Ingredient, InventoryItem, Recipe


class StockBuilder:
    """Builds one stock per ingredient and dimension that recipes measure the ingredient in.

    A lot counts only in the stock of its own dimension.
    """

    def __init__(
        self,
        inventory: Sequence[InventoryItem],
        recipes: Sequence[Recipe],
        rescue_points: int,
        days: int,
        conversions: Sequence[Conversion] = (),
    ) -> None:
        """Index the lots by (ingredient, dimension) and create a stock for each need."""
        self.stocks: list[Stock] = []
        self.items: list[ShoppingItem] = []
        self.warnings: list[str] = []
        self.expiring_until = max(EXPIRING_DAYS, days - 1)
        self._rescue_points = rescue_points
        self._names = _ingredient_names(inventory, recipes)
        self._conversions = Conversions(conversions)
        self._measures: dict[tuple[str, str], units.UnitMeasure] = {}
        self._stock_index: dict[tuple[str, str], int] = {}
        self._lots: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._dimensions: dict[str, set[str]] = defaultdict(set)
        for lot in inventory:
            expiry = NEVER if lot.days_until_expiry is None else lot.days_until_expiry
            if expiry < 0:
                continue
            measure = self.measure(lot.ingredient_id, lot.unit)
            key = (lot.ingredient_id, measure.dimension)
            self._lots[key][expiry] += units.stocked(lot.quantity, measure)
            self._dimensions[lot.ingredient_id].add(measure.dimension)
        self._uncounted_units = self._units_of_foods(inventory, recipes)
        self._prices = self._unit_prices(inventory, recipes)
        self._packages = self._package_sizes(recipes)
        item_index: dict[str, int] = {}
        for recipe in recipes:
            for ingredient in _required(recipe):
                food = ingredient.ingredient_id
                if food not in item_index:
                    item_index[food] = len(self.items)
                    self.items.append(ShoppingItem(food, self._names[food]))
                self._ensure_stock(food, self._unit(ingredient), item_index[food], recipe.name)

    def measure(self, ingredient_id: str, unit: str) -> units.UnitMeasure:
        """Return a unit's measure for an ingredient, by one name for all its lots and needs.

        The caller's conversions come first.
        """
        key = (ingredient_id, unit)
        if key not in self._measures:
            name = self._names[ingredient_id]
            found = next(self._conversions.measures(unit, name), None)
            self._measures[key] = found or units.measure(unit, name)
        return self._measures[key]

    def need(self, ingredient: Ingredient, scale: Fraction = Fraction(1)) -> tuple[int, int] | None:
        """Return the stock of an ingredient and the parts needed, None if no recipe requires it.

        Without a quantity that is the least amount of what there is.
        """
        measure = self.measure(ingredient.ingredient_id, self._unit(ingredient))
        stock = self._stock_index.get((ingredient.ingredient_id, measure.dimension))
        if stock is None:
            return None
        if ingredient.quantity is None:
            return stock, 1
        scaled = units.UnitMeasure(measure.dimension, measure.size * scale)
        return stock, units.needed(ingredient.quantity, scaled)

    def needs(self, recipe: Recipe, scale: Fraction = Fraction(1)) -> tuple[tuple[int, int], ...]:
        """Return (stock, parts) pairs for cooking a recipe without optional ingredients."""
        total: dict[int, int] = defaultdict(int)
        for ingredient in _required(recipe):
            need = self.need(ingredient, scale)
            assert need is not None  # every required ingredient has a stock
            total[need[0]] += need[1]
        return tuple(sorted(total.items()))

    def expiring(self) -> frozenset[str]:
        """Return the ids of the ingredients with expiring lots."""
        return frozenset(
            ingredient_id
            for (ingredient_id, _), lots in self._lots.items()
            if min(lots, default=NEVER) <= self.expiring_until
        )

    def _unit(self, ingredient: Ingredient) -> str:
        """Return the ingredient's unit, or the food's usual one if it has no quantity."""
        if ingredient.quantity is None:
            return self._uncounted_units.get(ingredient.ingredient_id, "")
        return ingredient.unit

    @staticmethod
    def _units_of_foods(
        inventory: Sequence[InventoryItem], recipes: Sequence[Recipe]
    ) -> dict[str, str]:
        """Return the first unit of each food at home, else that of the first recipe with one."""
        found: dict[str, str] = {}
        for lot in inventory:
            if lot.days_until_expiry is None or lot.days_until_expiry >= 0:
                found.setdefault(lot.ingredient_id, lot.unit)
        for recipe in recipes:
            for ingredient in recipe.ingredients:
                if ingredient.quantity is not None:
                    found.setdefault(ingredient.ingredient_id, ingredient.unit)
        return found

    def _ensure_stock(self, ingredient_id: str, unit: str, item: int, recipe: str) -> None:
        measure = self.measure(ingredient_id, unit)
        key = (ingredient_id, measure.dimension)
        if key in self._stock_index:
            return
        lots = tuple(Lot(*lot) for lot in sorted(self._lots.get(key, {}).items()))
        if not lots and (others := self._dimensions.get(ingredient_id)):
            self.warnings.append(
                f"{recipe} needs {self._names[ingredient_id]} in {unit or 'pieces'}, which can't "
                f"be converted to the {_dimension_name(min(others))} at home; "
                "it counts as a purchase"
            )
        self._stock_index[key] = len(self.stocks)
        self.stocks.append(
            Stock(
                item=item,
                unit=unit,
                measure=measure,
                lots=lots,
                rates=self._rates(lots),
                price=self._prices.get(key),
                package=self._packages.get(key),
            )
        )

    def _unit_prices(
        self, inventory: Sequence[InventoryItem], recipes: Sequence[Recipe]
    ) -> dict[tuple[str, str], Fraction]:
        """Return prices of a part: the first that a recipe gives, else the inventory's."""
        prices: dict[tuple[str, str], Fraction] = {}
        entries: list[Ingredient | InventoryItem] = [
            ingredient for recipe in recipes for ingredient in recipe.ingredients
        ]
        for entry in [*entries, *inventory]:
            if entry.price is None:
                continue
            measure = self.measure(entry.ingredient_id, entry.unit)
            amount = Fraction(repr(entry.price_quantity)) * measure.size * units.PARTS
            price = Fraction(entry.price) / amount
            prices.setdefault((entry.ingredient_id, measure.dimension), price)
        return prices

    def _package_sizes(self, recipes: Sequence[Recipe]) -> dict[tuple[str, str], int]:
        """Return the parts of a package, as the first recipe gives them."""
        sizes: dict[tuple[str, str], int] = {}
        for recipe in recipes:
            for entry in recipe.ingredients:
                if entry.quantity is None and entry.ingredient_id not in self._uncounted_units:
                    # However many recipes use some of a food, one piece of it is bought.
                    sizes.setdefault((entry.ingredient_id, "piece"), units.PARTS)
                if entry.package_quantity is not None:
                    measure = self.measure(entry.ingredient_id, entry.unit)
                    size = units.needed(entry.package_quantity, measure)
                    sizes.setdefault((entry.ingredient_id, measure.dimension), size)
        return sizes

    def _rates(self, lots: tuple[Lot, ...]) -> tuple[Fraction, ...]:
        """Return points per part: rescue x 3 / (3 + days left) / all that is expiring.

        Rates fall with the expiry and are 0 for what isn't expiring.
        """
        expiring = sum(lot.quantity for lot in lots if lot.expiry <= self.expiring_until)
        return tuple(
            Fraction(self._rescue_points * 3, (3 + lot.expiry) * expiring)
            if lot.expiry <= self.expiring_until
            else Fraction(0)
            for lot in lots
        )


def _ingredient_names(
    inventory: Sequence[InventoryItem], recipes: Sequence[Recipe]
) -> dict[str, str]:
    """Return the first name given for each ingredient id, the inventory's before the recipes'."""
    names: dict[str, str] = {}
    for lot in inventory:
        names.setdefault(lot.ingredient_id, lot.name)
    for recipe in recipes:
        for ingredient in recipe.ingredients:
            names.setdefault(ingredient.ingredient_id, ingredient.name)
    return names


def _required(recipe: Recipe) -> Iterator[Ingredient]:
    return (ingredient for ingredient in recipe.ingredients if not ingredient.optional)


def _dimension_name(dimension: str) -> str:
    return {"g": "weight", "ml": "volume", "piece": "pieces"}.get(
        dimension, dimension.removeprefix("unit ")
    )
