"""A plan request as whole numbers and indices, the input of every solver and explanation.

Slots are (day, meal) pairs in order of time, numbered `day * len(meals) + meal`. Quantities are
thousandths of a gram, milliliter or piece. The objective is in points (see `ObjectiveWeights`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from sidecar.planning import units
from sidecar.planning.schemas import PlanWeights

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


@dataclass(frozen=True, slots=True)
class Barred:
    """An ingredient of a recipe that a wish excludes; `sure` if it certainly does."""

    wish: int  # the index of the excluded ingredient
    ingredient: str
    sure: bool


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
    barred: tuple[Barred, ...] = ()  # the excluded ingredients that it has
    omitted: tuple[Barred, ...] = ()  # optional ingredients that are excluded
    needs: tuple[tuple[int, int], ...]  # (stock, quantity) pairs

    @property
    def permitted(self) -> bool:
        """Return whether the dish is not excluded, nor its ingredients, and satisfies the diet."""
        return not self.excluded and not self.lacking and not self.barred


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
    excluded_ingredients: tuple[str, ...]  # as the request names them
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
