"""A plan request as whole numbers and indices: what every solver, checker and explainer reads.

Slots are (day, meal) pairs in order of time, numbered `day * len(meals) + meal`. Quantities are
thousandths of a gram, millilitre or piece. Points are the unit of worth (see `ObjectiveWeights`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from sidecar.planning import units
from sidecar.planning.schemas import (
    Constraints,
    InventoryItem,
    PlanRequest,
    PlanWeights,
    Recipe,
)

NEVER = 10**6  # the expiry day of food that keeps
OPEN = -1  # the recipe of an unfilled slot
EXPIRING_DAYS = 7  # food that goes off within a week, or within the horizon, counts as expiring
UNBUDGETED_MINUTES = 60  # a meal without a time budget fits the better the further below an hour

MEAL_TAGS = frozenset({"breakfast", "brunch", "lunch", "dinner", "supper", "snack", "dessert"})
CUISINES = frozenset(
    {
        *("african", "american", "argentinian", "asian", "australian", "austrian", "balkan"),
        *("basque", "belgian", "brazilian", "british", "cajun", "cambodian", "caribbean"),
        *("chinese", "creole", "cuban", "czech", "danish", "dutch", "egyptian", "english"),
        *("ethiopian", "european", "filipino", "finnish", "french", "georgian", "german"),
        *("greek", "hawaiian", "hungarian", "indian", "indonesian", "iranian", "iraqi"),
        *("irish", "israeli", "italian", "jamaican", "japanese", "jewish", "korean", "latin"),
        *("lebanese", "malaysian", "mediterranean", "mexican", "moroccan", "nigerian"),
        *("nordic", "norwegian", "pakistani", "persian", "peruvian", "polish", "portuguese"),
        *("romanian", "russian", "scandinavian", "scottish", "sicilian", "spanish", "swedish"),
        *("swiss", "syrian", "taiwanese", "tex-mex", "thai", "tibetan", "tunisian", "turkish"),
        *("ukrainian", "vietnamese", "welsh"),
    }
)

Plan = tuple[int, ...]  # a recipe index, or OPEN, for each slot


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """The worth of things in points: a weight of 1 gives 1000 to a purchase saved.

    purchase: each ingredient bought, once for the whole plan; cuisine: each distinct one;
    repeat: each cooking of a recipe beyond its first; rescue: a whole expiring stock used up on
    the day it expires, were that today; spare: a meal that takes no time at all; favourite: one.
    """

    purchase: int
    cuisine: int
    repeat: int
    rescue: int
    spare: int
    favourite: int

    @classmethod
    def of(cls, weights: PlanWeights) -> "ObjectiveWeights":
        """Points by the user's weights; a favourite is worth a little whatever they are."""
        variety = round(500 * weights.variety)
        return cls(
            purchase=round(1_000 * weights.shopping_minimization),
            cuisine=variety,
            repeat=variety,
            rescue=round(1_000 * weights.expiring_priority),
            spare=round(500 * weights.time_fit),
            favourite=50,
        )


@dataclass(frozen=True, slots=True)
class Lot:
    """Food at home that expires at the end of day `expiry` (NEVER if it keeps)."""

    expiry: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """One ingredient in one dimension: its unexpired lots, one a date, first expiry first.

    `rates` are points a thousandth used of each lot before it expires, falling with its expiry and
    0 for what isn't expiring; `item` is the index of the ingredient it is bought as.
    """

    item: int
    unit: str
    measure: units.UnitMeasure
    lots: tuple[Lot, ...]
    rates: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class ShoppingItem:
    """An ingredient as the user knows it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dish:
    """A recipe as numbers: `needs` are (stock, quantity) pairs, `meals` the meals it fits."""

    id: str
    name: str
    minutes: int
    meals: frozenset[int]
    cuisine: str | None
    tags: frozenset[str]
    favourite: bool
    excluded: bool
    lacking: tuple[str, ...]  # the dietary tags it should carry and doesn't
    needs: tuple[tuple[int, int], ...]

    @property
    def permitted(self) -> bool:
        """Neither excluded nor against the diet."""
        return not self.excluded and not self.lacking


@dataclass(frozen=True, slots=True)
class Lock:
    """A settled meal; `meal` None stands for any meal of the day."""

    day: int
    meal: int | None
    dish: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything that decides which plans are possible and what they are worth."""

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
    points: ObjectiveWeights
    diet: tuple[str, ...]
    expiring_until: int  # the last day on which what expires counts as expiring
    expiring: frozenset[str]  # ids of ingredients with such lots, needed or not
    warnings: tuple[str, ...] = field(default=())

    @property
    def slots(self) -> range:
        """The slot numbers."""
        return range(self.days * len(self.meals))

    def day(self, slot: int) -> int:
        """The day a slot lies on."""
        return slot // len(self.meals)

    def meal(self, slot: int) -> int:
        """The meal a slot is."""
        return slot % len(self.meals)

    def date(self, day: int) -> date:
        """The date of a day."""
        return self.start + timedelta(days=day)

    def minutes_allowed(self, slot: int) -> int | None:
        """The most minutes any one meal may take in this slot."""
        limits = (self.slot_budgets[slot], self.day_budgets[self.day(slot)])
        return min((limit for limit in limits if limit is not None), default=None)

    def fits(self, dish: int, slot: int) -> bool:
        """Whether a dish may stand in a slot as far as these two alone decide it."""
        limit = self.minutes_allowed(slot)
        candidate = self.dishes[dish]
        return (
            candidate.permitted
            and self.meal(slot) in candidate.meals
            and (limit is None or candidate.minutes <= limit)
        )

    def meal_points(self, dish: int, slot: int) -> int:
        """Points a dish earns in a slot whatever else is cooked: spare time and favour."""
        candidate = self.dishes[dish]
        budget = self.slot_budgets[slot]
        if budget is None and (shared := self.day_budgets[self.day(slot)]) is not None:
            budget = shared // len(self.meals)
        limit = UNBUDGETED_MINUTES if budget is None else max(1, budget)
        spare = max(0, limit - candidate.minutes) * self.points.spare // limit
        return spare + self.points.favourite * candidate.favourite


def compile_request(request: PlanRequest) -> Problem:
    """The problem a request poses. What units can't bridge becomes a warning and a purchase."""
    horizon, constraints = request.planning_horizon, request.constraints
    points = ObjectiveWeights.of(request.weights)
    pantry = StockBuilder(request.inventory, request.recipes, points.rescue, horizon.days)
    dishes = tuple(
        dish(recipe, horizon.meal_types, constraints, pantry) for recipe in request.recipes
    )
    index = {recipe.id: number for number, recipe in enumerate(request.recipes)}
    meal_index = {meal: number for number, meal in enumerate(horizon.meal_types)}
    day_budgets: list[int | None] = [None] * horizon.days
    slot_budgets: list[int | None] = [None] * (horizon.days * len(meal_index))
    for when, budget in constraints.time_budgets.items():
        day = (when - horizon.start_date).days
        if isinstance(budget, int):
            day_budgets[day] = budget
            continue
        for meal, minutes in budget.items():
            slot_budgets[day * len(meal_index) + meal_index[meal]] = minutes
    locks = tuple(
        Lock(
            (lock.date - horizon.start_date).days,
            None if lock.meal_type is None else meal_index[lock.meal_type],
            index[lock.recipe_id],
        )
        for lock in constraints.locked_meals
    )
    return Problem(
        start=horizon.start_date,
        days=horizon.days,
        meals=horizon.meal_types,
        dishes=dishes,
        stocks=tuple(pantry.stocks),
        items=tuple(pantry.items),
        day_budgets=tuple(day_budgets),
        slot_budgets=tuple(slot_budgets),
        locks=locks,
        max_items=constraints.max_shopping_items,
        max_repeats=constraints.max_repeats,
        points=points,
        diet=constraints.dietary,
        expiring_until=pantry.window,
        expiring=pantry.expiring(),
        warnings=tuple(pantry.warnings),
    )


def cuisine_of(recipe: Recipe) -> str | None:
    """The cuisine a recipe states, else the first of its tags that names one."""
    if recipe.cuisine:
        return recipe.cuisine
    return min(recipe.tags & CUISINES, default=None)


def dish(
    recipe: Recipe, meal_types: Sequence[str], constraints: Constraints, pantry: "StockBuilder"
) -> Dish:
    """A recipe with its fitting meals and its needs; optional ingredients are no needs."""
    named = recipe.tags & (MEAL_TAGS | set(meal_types))
    scale = Fraction(1)
    if constraints.servings is not None and recipe.servings is not None:
        scale = Fraction(repr(constraints.servings)) / Fraction(repr(recipe.servings))
    return Dish(
        id=recipe.id,
        name=recipe.name,
        minutes=recipe.minutes,
        meals=frozenset(
            number for number, meal in enumerate(meal_types) if not named or meal in named
        ),
        cuisine=cuisine_of(recipe),
        tags=recipe.tags,
        favourite=recipe.is_favorite,
        excluded=recipe.id in constraints.excluded_recipes,
        lacking=tuple(tag for tag in constraints.dietary if tag not in recipe.tags),
        needs=pantry.needs(recipe, scale),
    )


class StockBuilder:
    """Turns inventory and ingredients into stocks while a request is compiled.

    An ingredient has a stock for each dimension that recipes measure it in, and lots count only in
    the one they convert to.
    """

    def __init__(
        self,
        inventory: Sequence[InventoryItem],
        recipes: Sequence[Recipe],
        rescue: int,
        days: int,
    ) -> None:
        """Index the lots by (ingredient, dimension) and create a stock for each need."""
        self.stocks: list[Stock] = []
        self.items: list[ShoppingItem] = []
        self.warnings: list[str] = []
        self._stock_of: dict[tuple[str, str], int] = {}
        self._names = _names(inventory, recipes)
        self.window = max(EXPIRING_DAYS, days - 1)
        self._rescue = rescue
        self._lots: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._units: dict[str, set[str]] = defaultdict(set)
        for lot in inventory:
            expiry = NEVER if lot.days_until_expiry is None else lot.days_until_expiry
            if expiry < 0:
                continue
            by = units.measure(lot.unit, self._names[lot.ingredient_id])
            key = (lot.ingredient_id, by.dimension)
            self._lots[key][expiry] += units.stocked(lot.quantity, by)
            self._units[lot.ingredient_id].add(by.dimension)
        item_of: dict[str, int] = {}
        for recipe in recipes:
            for part in recipe.ingredients:
                if part.optional:
                    continue
                if part.ingredient_id not in item_of:
                    item_of[part.ingredient_id] = len(self.items)
                    self.items.append(
                        ShoppingItem(part.ingredient_id, self._names[part.ingredient_id])
                    )
                self._open(part.ingredient_id, part.unit, item_of[part.ingredient_id], recipe.name)

    def measure(self, ingredient_id: str, unit: str) -> units.UnitMeasure:
        """A unit's measure for an ingredient; one name decides for all its lots and needs."""
        return units.measure(unit, self._names[ingredient_id])

    def stock(self, ingredient_id: str, unit: str) -> int | None:
        """The stock an ingredient in this unit is taken from, None if no recipe requires it."""
        by = self.measure(ingredient_id, unit)
        return self._stock_of.get((ingredient_id, by.dimension))

    def needs(self, recipe: Recipe, scale: Fraction = Fraction(1)) -> tuple[tuple[int, int], ...]:
        """(stock, thousandths) of one cooking, an ingredient listed twice added up."""
        total: dict[int, int] = defaultdict(int)
        for part in recipe.ingredients:
            if part.optional:
                continue
            by = self.measure(part.ingredient_id, part.unit)
            by = units.UnitMeasure(by.dimension, by.size * scale)
            total[self._stock_of[part.ingredient_id, by.dimension]] += units.needed(
                part.quantity, by
            )
        return tuple(sorted(total.items()))

    def expiring(self) -> frozenset[str]:
        """The ingredients with lots that expire within the window."""
        return frozenset(
            ingredient_id
            for (ingredient_id, _), lots in self._lots.items()
            if min(lots, default=NEVER) <= self.window
        )

    def _open(self, ingredient_id: str, unit: str, item: int, recipe: str) -> None:
        by = self.measure(ingredient_id, unit)
        key = (ingredient_id, by.dimension)
        if key in self._stock_of:
            return
        lots = tuple(Lot(*lot) for lot in sorted(self._lots.get(key, {}).items()))
        if not lots and (others := self._units.get(ingredient_id)):
            self.warnings.append(
                f"{recipe} needs {self._names[ingredient_id]} in {unit or 'pieces'}, which can't "
                f"be converted to the {_dimension_name(min(others))} at home; "
                "it counts as a purchase"
            )
        self._stock_of[key] = len(self.stocks)
        self.stocks.append(
            Stock(item=item, unit=unit, measure=by, lots=lots, rates=self._rates(lots))
        )

    def _rates(self, lots: tuple[Lot, ...]) -> tuple[Fraction, ...]:
        """Points a thousandth: rescue x 3 / (3 + days left), shared over all that is expiring."""
        expiring = sum(lot.quantity for lot in lots if lot.expiry <= self.window)
        return tuple(
            Fraction(self._rescue * 3, (3 + lot.expiry) * expiring)
            if lot.expiry <= self.window
            else Fraction(0)
            for lot in lots
        )


def _names(inventory: Sequence[InventoryItem], recipes: Sequence[Recipe]) -> dict[str, str]:
    names: dict[str, str] = {}
    for lot in inventory:
        names.setdefault(lot.ingredient_id, lot.name)
    for recipe in recipes:
        for part in recipe.ingredients:
            names.setdefault(part.ingredient_id, part.name)
    return names


def _dimension_name(dimension: str) -> str:
    return {"g": "weight", "ml": "volume", "piece": "pieces"}.get(
        dimension, dimension.removeprefix("unit ")
    )
