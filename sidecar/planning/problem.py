"""A plan request as whole numbers and indices, the input of every solver and explanation.

Slots are (day, meal) pairs in order of time, numbered `day * len(meals) + meal`. Quantities are
thousandths of a gram, milliliter or piece. The objective is in points (see `ObjectiveWeights`).
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from importlib.resources import files

from sidecar.planning import units
from sidecar.planning.schemas import (
    Constraints,
    Ingredient,
    InventoryItem,
    PlanRequest,
    PlanWeights,
    Recipe,
)

NEVER = 10**6  # the expiry day of food that doesn't expire
OPEN = -1  # the dish of an unfilled slot
EXPIRING_DAYS = 7  # food that expires within a week, or within the horizon, counts as expiring
UNBUDGETED_MINUTES = 60  # the limit that scores spare time where a meal has no time budget

MEAL_TAGS = frozenset({"breakfast", "brunch", "lunch", "dinner", "supper", "snack", "dessert"})

Plan = tuple[int, ...]  # a dish index, or OPEN, for each slot


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """Points of the objective. A user's weight of 1 makes one purchase saved worth 1000 points."""

    purchase: int  # for each ingredient bought, once per plan
    cuisine: int  # for each distinct cuisine
    repeat: int  # for each cooking of a recipe after its first
    rescue: int  # for using up a whole expiring stock, if it expired today
    spare: int  # for a meal that takes no time at all
    favorite: int  # for each favorite cooked

    @classmethod
    def from_weights(cls, weights: PlanWeights) -> "ObjectiveWeights":
        """Convert the user's weights. A favorite always scores a little."""
        variety = round(500 * weights.variety)
        return cls(
            purchase=round(1_000 * weights.shopping_minimization),
            cuisine=variety,
            repeat=variety,
            rescue=round(1_000 * weights.expiring_priority),
            spare=round(500 * weights.time_fit),
            favorite=50,
        )


@dataclass(frozen=True, slots=True)
class Lot:
    """Food at home that expires at the end of day `expiry` (NEVER if it doesn't expire)."""

    expiry: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """One ingredient in one dimension: its unexpired lots, one per date, first expiry first."""

    item: int  # the index of the shopping item it is bought as
    unit: str
    measure: units.UnitMeasure
    lots: tuple[Lot, ...]
    rates: tuple[Fraction, ...]  # points per thousandth of each lot used before it expires


@dataclass(frozen=True, slots=True)
class ShoppingItem:
    """An ingredient under the id and name that the request gives it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dish:
    """A recipe as numbers."""

    id: str
    name: str
    minutes: int
    meals: frozenset[int]  # the meals it fits
    cuisine: str | None
    favorite: bool
    excluded: bool
    lacking: tuple[str, ...]  # required dietary tags that it doesn't have
    needs: tuple[tuple[int, int], ...]  # (stock, quantity) pairs

    @property
    def permitted(self) -> bool:
        """Return whether the dish is not excluded and satisfies the diet."""
        return not self.excluded and not self.lacking


@dataclass(frozen=True, slots=True)
class Lock:
    """A locked meal. `meal` None stands for any meal of the day."""

    day: int
    meal: int | None
    dish: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The optimization problem: everything that decides feasibility and objective of a plan."""

    start: date
    days: int
    meals: tuple[str, ...]
    dishes: tuple[Dish, ...]
    stocks: tuple[Stock, ...]
    items: tuple[ShoppingItem, ...]
    day_budgets: tuple[int | None, ...]  # minutes of a whole day
    slot_budgets: tuple[int | None, ...]  # minutes of one meal
    locks: tuple[Lock, ...]
    max_items: int | None
    max_repeats: int
    weights: ObjectiveWeights
    diet: tuple[str, ...]
    expiring_until: int  # lots that expire on or before this day count as expiring
    expiring: frozenset[str]  # ids of ingredients with expiring lots, needed or not
    warnings: tuple[str, ...] = ()

    @property
    def slots(self) -> range:
        return range(self.days * len(self.meals))

    def day(self, slot: int) -> int:
        return slot // len(self.meals)

    def meal(self, slot: int) -> int:
        return slot % len(self.meals)

    def date(self, day: int) -> date:
        return self.start + timedelta(days=day)

    def day_slots(self, day: int) -> range:
        return range(day * len(self.meals), (day + 1) * len(self.meals))

    def lock_slots(self, lock: Lock) -> range:
        """Return the slots that satisfy a lock, whether its dish fits them or not."""
        slots = self.day_slots(lock.day)
        return slots if lock.meal is None else slots[lock.meal : lock.meal + 1]

    def minutes_allowed(self, slot: int) -> int | None:
        """Return the time limit of a single meal in this slot."""
        limits = (self.slot_budgets[slot], self.day_budgets[self.day(slot)])
        return min((limit for limit in limits if limit is not None), default=None)

    def fits(self, dish: int, slot: int) -> bool:
        """Return whether a dish may fill a slot of an otherwise empty plan."""
        limit = self.minutes_allowed(slot)
        candidate = self.dishes[dish]
        return (
            candidate.permitted
            and self.meal(slot) in candidate.meals
            and (limit is None or candidate.minutes <= limit)
        )

    def meal_points(self, dish: int, slot: int) -> int:
        """Return the points for spare time and favorites, which the other slots don't affect."""
        candidate = self.dishes[dish]
        budget = self.slot_budgets[slot]
        if budget is None and (shared := self.day_budgets[self.day(slot)]) is not None:
            budget = shared // len(self.meals)
        limit = UNBUDGETED_MINUTES if budget is None else max(1, budget)
        spare = max(0, limit - candidate.minutes) * self.weights.spare // limit
        return spare + self.weights.favorite * candidate.favorite


@cache
def cuisine_tags() -> frozenset[str]:
    """Return the tags that name a cuisine."""
    data = (files("sidecar.planning") / "data" / "cuisines.toml").read_text("utf-8")
    return frozenset(tomllib.loads(data)["cuisines"])


def compile_request(request: PlanRequest) -> Problem:
    """Compile a request. Units that don't convert become a warning and a purchase."""
    horizon, constraints = request.planning_horizon, request.constraints
    weights = ObjectiveWeights.from_weights(request.weights)
    builder = StockBuilder(request.inventory, request.recipes, weights.rescue, horizon.days)
    dishes = tuple(
        _compile_dish(recipe, horizon.meal_types, constraints, builder)
        for recipe in request.recipes
    )
    dish_index = {recipe.id: number for number, recipe in enumerate(request.recipes)}
    meal_index = {meal: number for number, meal in enumerate(horizon.meal_types)}
    day_budgets: list[int | None] = [None] * horizon.days
    slot_budgets: list[int | None] = [None] * (horizon.days * len(meal_index))
    for budget_date, budget in constraints.time_budgets.items():
        day = (budget_date - horizon.start_date).days
        if isinstance(budget, int):
            day_budgets[day] = budget
            continue
        for meal, minutes in budget.items():
            slot_budgets[day * len(meal_index) + meal_index[meal]] = minutes
    locks = tuple(
        Lock(
            (lock.date - horizon.start_date).days,
            None if lock.meal_type is None else meal_index[lock.meal_type],
            dish_index[lock.recipe_id],
        )
        for lock in constraints.locked_meals
    )
    return Problem(
        start=horizon.start_date,
        days=horizon.days,
        meals=horizon.meal_types,
        dishes=dishes,
        stocks=tuple(builder.stocks),
        items=tuple(builder.items),
        day_budgets=tuple(day_budgets),
        slot_budgets=tuple(slot_budgets),
        locks=locks,
        max_items=constraints.max_shopping_items,
        max_repeats=constraints.max_repeats,
        weights=weights,
        diet=constraints.dietary,
        expiring_until=builder.expiring_until,
        expiring=builder.expiring(),
        warnings=tuple(builder.warnings),
    )


def _compile_dish(
    recipe: Recipe, meal_types: Sequence[str], constraints: Constraints, builder: "StockBuilder"
) -> Dish:
    meal_tags = recipe.tags & (MEAL_TAGS | set(meal_types))
    scale = Fraction(1)
    if constraints.servings is not None and recipe.servings is not None:
        scale = Fraction(repr(constraints.servings)) / Fraction(repr(recipe.servings))
    return Dish(
        id=recipe.id,
        name=recipe.name,
        minutes=recipe.minutes,
        meals=frozenset(
            number for number, meal in enumerate(meal_types) if not meal_tags or meal in meal_tags
        ),
        cuisine=recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None),
        favorite=recipe.is_favorite,
        excluded=recipe.id in constraints.excluded_recipes,
        lacking=tuple(tag for tag in constraints.dietary if tag not in recipe.tags),
        needs=builder.needs(recipe, scale),
    )


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
    ) -> None:
        """Index the lots by (ingredient, dimension) and create a stock for each need."""
        self.stocks: list[Stock] = []
        self.items: list[ShoppingItem] = []
        self.warnings: list[str] = []
        self.expiring_until = max(EXPIRING_DAYS, days - 1)
        self._rescue_points = rescue_points
        self._names = _ingredient_names(inventory, recipes)
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
        item_index: dict[str, int] = {}
        for recipe in recipes:
            for ingredient in _required(recipe):
                food = ingredient.ingredient_id
                if food not in item_index:
                    item_index[food] = len(self.items)
                    self.items.append(ShoppingItem(food, self._names[food]))
                self._ensure_stock(food, ingredient.unit, item_index[food], recipe.name)

    def measure(self, ingredient_id: str, unit: str) -> units.UnitMeasure:
        """Return a unit's measure for an ingredient, by one name for all its lots and needs."""
        return units.measure(unit, self._names[ingredient_id])

    def stock(self, ingredient_id: str, unit: str) -> int | None:
        """Return the stock of an ingredient in this unit, None if no recipe requires it."""
        dimension = self.measure(ingredient_id, unit).dimension
        return self._stock_index.get((ingredient_id, dimension))

    def needs(self, recipe: Recipe, scale: Fraction = Fraction(1)) -> tuple[tuple[int, int], ...]:
        """Return (stock, thousandths) pairs for cooking a recipe without optional ingredients."""
        total: dict[int, int] = defaultdict(int)
        for ingredient in _required(recipe):
            measure = self.measure(ingredient.ingredient_id, ingredient.unit)
            scaled = units.UnitMeasure(measure.dimension, measure.size * scale)
            stock = self._stock_index[ingredient.ingredient_id, measure.dimension]
            total[stock] += units.needed(ingredient.quantity, scaled)
        return tuple(sorted(total.items()))

    def expiring(self) -> frozenset[str]:
        """Return the ids of the ingredients with expiring lots."""
        return frozenset(
            ingredient_id
            for (ingredient_id, _), lots in self._lots.items()
            if min(lots, default=NEVER) <= self.expiring_until
        )

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
            Stock(item=item, unit=unit, measure=measure, lots=lots, rates=self._rates(lots))
        )

    def _rates(self, lots: tuple[Lot, ...]) -> tuple[Fraction, ...]:
        """Return points per thousandth: rescue x 3 / (3 + days left) / all that is expiring.

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
