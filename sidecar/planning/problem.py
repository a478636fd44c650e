"""A plan request as whole numbers and indices, the input of every solver and explanation.

Slots are (day, column) pairs in order of time, numbered `day * len(columns) + column`; without
people a column is a meal. Quantities are parts of a gram, milliliter or piece. The objective
is in points (see `ObjectiveWeights`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from sidecar.ingredients import units
from sidecar.planning.nutrition_estimates import NutritionEstimate
from sidecar.planning.schemas import PlanWeights

NEVER = 10**6  # the expiry day of food that doesn't expire
OPEN = -1  # the dish of an unfilled slot
EXPIRING_DAYS = 7  # food that expires within a week, or within the horizon, counts as expiring
UNBUDGETED_MINUTES = 60  # the limit that scores spare time where a meal has no time budget

MEAL_TAGS = frozenset({"breakfast", "brunch", "lunch", "dinner", "supper", "snack", "dessert"})

Plan = tuple[int, ...]  # a dish index, or OPEN, for each slot
Needs = tuple[tuple[int, int], ...]  # (stock, quantity) pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """Points of the objective. A user's weight of 1 makes one purchase saved worth 1000 points."""

    purchase: int  # for each ingredient bought, once per plan
    cuisine: int  # for each distinct cuisine
    repeat: int  # for each cooking of a recipe after its first
    rescue: int  # for using up a whole expiring stock, if it expired today
    spare: int  # for a meal that takes no time at all
    favorite: int  # for each favorite cooked
    extra_dish: int  # for each dish of a course at a sitting after its first
    cost: Fraction  # for each unit of the currency spent
    nutrition: int  # for missing a soft bound by all of it

    @classmethod
    def from_weights(
        cls, weights: PlanWeights, typical_cost: Fraction = Fraction(0)
    ) -> "ObjectiveWeights":
        """Convert the user's weights. A favorite always scores a little.

        `typical_cost` is that of one dish if all its ingredients are bought.
        """
        variety = round(500 * weights.variety)
        return cls(
            purchase=round(1_000 * weights.shopping_minimization),
            cuisine=variety,
            repeat=variety,
            rescue=round(1_000 * weights.expiring_priority),
            spare=round(500 * weights.time_fit),
            favorite=50,
            extra_dish=round(1_000 * weights.shared_meals),
            nutrition=round(1_000 * weights.nutrition),
            cost=round(1_000 * weights.cost) / typical_cost if typical_cost else Fraction(0),
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
    rates: tuple[Fraction, ...]  # points per part of each lot used before it expires
    price: Fraction | None = None  # of a part
    package: int | None = None  # parts; it is bought whole

    def bought(self, shortfall: int) -> int:
        """Return how many parts are bought where these are missing."""
        return -(-shortfall // self.package) * self.package if self.package else shortfall

    def cost(self, shortfall: int) -> Fraction:
        """Return the price of what is bought, 0 if it is unknown."""
        return (self.price or Fraction(0)) * self.bought(shortfall)


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


@dataclass(frozen=True, slots=True)
class Substitution:
    """An ingredient in the place of another, by their ids and names."""

    instead_of: str
    instead_of_name: str
    ingredient_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dish:
    """A recipe as numbers."""

    id: str
    name: str
    minutes: int
    meals: frozenset[int]  # the meals it fits
    tags: frozenset[str] = frozenset()
    cuisine: str | None
    favorite: bool
    excluded: bool
    lacking: tuple[str, ...]  # required dietary tags that it doesn't have
    barred: tuple[Barred, ...] = ()  # the excluded ingredients that it has
    omitted: tuple[Barred, ...] = ()  # optional ingredients that are excluded
    needs: Needs  # as the request scales the recipe
    leftover_of: int | None = None  # the dish that was cooked `age` days before
    age: int = 0
    recipe: int = 0  # the index of the request's recipe, which all its versions share
    substitutions: tuple[Substitution, ...] = ()
    penalty: int = 0  # points
    nutrition: Mapping[str, Fraction] = field(default_factory=dict)  # of a serving, where known
    estimate: NutritionEstimate | None = None  # what it rests on, unless the recipe gives it

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


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who eats. `denied` maps the dishes they may not eat to the wishes that say so."""

    id: str
    name: str
    servings: Fraction
    denied: Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's wish about dishes in words, and its relaxation."""

    sentence: str
    relaxation: str


@dataclass(frozen=True, slots=True)
class Habit:
    """The dishes that a recurring meal allows, and the sentence that says so."""

    sentence: str
    relaxation: str
    dishes: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on the sum of a nutrient over what one person eats at some slots."""

    bound: int  # the index of the request's bound
    nutrient: str
    minimum: Fraction | None
    maximum: Fraction | None
    soft: bool
    slots: tuple[int, ...]
    servings: Fraction


@dataclass(frozen=True, slots=True)
class Column:
    """A part of each day that takes one dish: a course of a meal, for those who eat the same."""

    meal: int
    course: str | None = None  # the tag that its dishes must have
    people: tuple[int, ...] = ()  # empty if the request names none


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The optimization problem: everything that decides feasibility and objective of a plan.

    Slots are (day, column) pairs; those of the same day and meal are a sitting, at which a dish
    that several of them take is cooked once.
    """

    start: date
    days: int
    meals: tuple[str, ...]
    columns: tuple[Column, ...]
    dishes: tuple[Dish, ...]
    stocks: tuple[Stock, ...]
    items: tuple[ShoppingItem, ...]
    day_budgets: tuple[int | None, ...]  # minutes of a whole day
    sitting_budgets: tuple[int | None, ...]  # minutes of one meal
    locks: tuple[Lock, ...]
    max_items: int | None
    max_repeats: int
    weights: ObjectiveWeights
    diet: tuple[str, ...]
    excluded_ingredients: tuple[str, ...]  # as the request names them
    expiring_until: int  # lots that expire on or before this day count as expiring
    expiring: frozenset[str]  # ids of ingredients with expiring lots, needed or not
    people: tuple[Person, ...] = ()
    wishes: tuple[Wish, ...] = ()
    closed: frozenset[int] = frozenset()  # slots at which nobody eats
    habits: tuple[Habit, ...] = ()
    slot_habits: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    min_distance: int = 0  # days from one cooking of a dish to its next
    budget: Fraction | None = None  # what the purchases may cost
    currency: str | None = None
    max_cooking_days: int | None = None
    no_cooking: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # slot -> requests
    no_cooking_times: tuple[str, ...] = ()
    no_leftovers: frozenset[int] = frozenset()  # slots
    limits: tuple[Limit, ...] = ()
    bounds: tuple[str, ...] = ()  # the bounds of the limits in words
    portions: tuple[tuple[Needs, ...], ...] = ()  # the dishes' needs for different diners
    portion_of: tuple[int, ...] = ()  # the index of each slot's portions
    warnings: tuple[str, ...] = ()

    @property
    def slots(self) -> range:
        return range(self.days * len(self.columns))

    @property
    def is_simple(self) -> bool:
        """Return whether each slot is a sitting of its own, and a dish needs the same in each."""
        return not (
            self.people
            or self.min_distance
            or self.budget is not None
            or self.weights.cost
            or len(self.columns) > len(self.meals)
            or self.max_cooking_days is not None
            or self.no_cooking
            or self.limits
            or any(dish.age or dish.substitutions for dish in self.dishes)
        )

    def day(self, slot: int) -> int:
        return slot // len(self.columns)

    def column(self, slot: int) -> Column:
        return self.columns[slot % len(self.columns)]

    def meal(self, slot: int) -> int:
        return self.columns[slot % len(self.columns)].meal

    def sitting(self, slot: int) -> int:
        if len(self.columns) == len(self.meals):  # one column a meal, in order
            return slot
        return self.day(slot) * len(self.meals) + self.meal(slot)

    def date(self, day: int) -> date:
        return self.start + timedelta(days=day)

    def day_slots(self, day: int) -> range:
        return range(day * len(self.columns), (day + 1) * len(self.columns))

    def service(self, slot: int) -> tuple[int, str | None]:
        """Return the sitting and the course, of which every slot may take the same dish."""
        return self.sitting(slot), self.column(slot).course

    def sitting_slots(self, sitting: int) -> list[int]:
        """Return the slots of a sitting at which somebody eats."""
        day, meal = divmod(sitting, len(self.meals))
        return [s for s in self.day_slots(day) if self.meal(s) == meal and s not in self.closed]

    def lock_slots(self, lock: Lock) -> list[int]:
        """Return the slots that satisfy a lock, whether its dish fits them or not."""
        slots = self.day_slots(lock.day)
        return [slot for slot in slots if lock.meal in (None, self.meal(slot))]

    def diners(self, slot: int) -> int:
        """Return how many people eat at a slot, 1 if the request names none."""
        return 0 if slot in self.closed else max(1, len(self.column(slot).people))

    def base(self, dish: int) -> int:
        """Return the dish that a leftover is of, else the dish itself."""
        fresh = self.dishes[dish].leftover_of
        return dish if fresh is None else fresh

    def recipe(self, dish: int) -> int:
        """Return the recipe of a dish, fresh or left over, with or without substitutes."""
        return self.dishes[dish].recipe

    def cooking_day(self, dish: int, slot: int) -> int:
        """Return the day on which what is eaten at a slot is cooked."""
        return self.day(slot) - self.dishes[dish].age

    def needs(self, dish: int, slot: int) -> Needs:
        """Return what cooking a dish for a slot needs, on its cooking day."""
        if not self.portions:
            return self.dishes[dish].needs
        return self.portions[self.portion_of[slot]][self.base(dish)]

    def minutes_allowed(self, slot: int) -> int | None:
        """Return the time limit of a single meal in this slot."""
        limits = (self.sitting_budgets[self.sitting(slot)], self.day_budgets[self.day(slot)])
        return min((limit for limit in limits if limit is not None), default=None)

    def suits(self, dish: int, slot: int) -> bool:
        """Return whether a dish is meant for a slot, whatever anybody wishes."""
        column, candidate = self.column(slot), self.dishes[dish]
        return (
            slot not in self.closed
            and column.meal in candidate.meals
            and (column.course is None or column.course in candidate.tags)
            and (
                not candidate.age
                or (candidate.age <= self.day(slot) and slot not in self.no_leftovers)
            )
        )

    def broken_habits(self, dish: int, slot: int) -> tuple[int, ...]:
        """Return the recurring meals of a slot that don't allow a dish."""
        habits, base = self.slot_habits.get(slot, ()), self.base(dish)
        return tuple(habit for habit in habits if base not in self.habits[habit].dishes)

    def denials(self, dish: int, slot: int) -> tuple[int, ...]:
        """Return the wishes of the people at a slot that rule a dish out."""
        return tuple(
            wish
            for person in self.column(slot).people
            for wish in self.people[person].denied.get(self.base(dish), ())
        )

    def fits(self, dish: int, slot: int) -> bool:
        """Return whether a dish may fill a slot of an otherwise empty plan."""
        limit = self.minutes_allowed(slot)
        candidate = self.dishes[dish]
        return (
            candidate.permitted
            and self.suits(dish, slot)
            and (limit is None or candidate.minutes <= limit)
            and not (self.people and self.denials(dish, slot))
            and not (self.slot_habits and self.broken_habits(dish, slot))
            and (bool(candidate.age) or slot not in self.no_cooking)
        )

    def meal_points(self, dish: int, slot: int) -> int | Fraction:
        """Return the points for spare time and favorites, which the other slots don't affect.

        A slot gets its share of the points of its course, by how many people eat there.
        """
        candidate = self.dishes[dish]
        budget = self.sitting_budgets[self.sitting(slot)]
        if budget is None and (shared := self.day_budgets[self.day(slot)]) is not None:
            budget = shared // len(self.meals)
        limit = UNBUDGETED_MINUTES if budget is None else max(1, budget)
        spare = max(0, limit - candidate.minutes) * self.weights.spare // limit
        points = spare + self.weights.favorite * candidate.favorite - candidate.penalty
        if not self.people:
            return points
        present = sum(
            self.diners(other)
            for other in self.sitting_slots(self.sitting(slot))
            if self.column(other).course == self.column(slot).course
        )
        return Fraction(points * self.diners(slot), present)
