"""Local search where several people eat, with courses, prices and distances between repeats.

Like local_search.py, but a step refills whole services: the slots of one course at one sitting,
which may share a dish. A dish is chosen for all the open slots of a service that may take it, so
the first choice is the one that feeds the most people.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from sidecar.planning.annealing import anneal
from sidecar.planning.household_ruins import ruin
from sidecar.planning.household_tables import Booleans, Bound, HouseholdTables, Service
from sidecar.planning.local_search import Floats, Ints, rescue_points
from sidecar.planning.nutrition import amount
from sidecar.planning.problem import OPEN, Plan

_INFEASIBLE = -1e12
_TOLERANCE = 1e-9
_POINTS_PER_DINER = 1e6


class HouseholdState:
    """A plan under search, with the sums that make the next change cheap to score, in floats."""

    def __init__(self, tables: HouseholdTables, plan: Sequence[int]) -> None:
        problem = tables.problem
        self.tables = tables
        self.plan: list[int] = [OPEN] * len(problem.slots)
        self.slack = tables.unexpired.copy()  # column t: less what is used from day t on
        self.used_in_time = np.zeros_like(tables.cumulative)
        self.shortages = np.zeros(len(problem.items), np.int64)  # how many stocks of an item
        sittings, dishes = len(problem.sitting_budgets), len(problem.dishes)
        self.served = np.zeros((sittings, dishes), np.int64)  # how many slots of a sitting
        self.cooked_on = np.zeros((problem.days, dishes), np.int64)  # sittings of a day
        self.meals_of = np.zeros(dishes, np.int64)  # of a recipe, left over or not
        self.recipe_on = np.zeros((problem.days, dishes), np.int64)  # its cookings on a day
        self.cuisine_counts = np.zeros(tables.cuisine_count, np.int64)
        self.minutes = np.zeros(len(problem.sitting_budgets), np.int64)
        self.eaten = np.zeros(len(problem.limits))  # the sums of limits
        self.open_slots = np.array([len(limit.slots) for limit in problem.limits], np.int64)
        for slot, dish in enumerate(plan):
            if dish != OPEN:
                self.assign(slot, dish)

    def copy(self) -> "HouseholdState":
        """Return an independent copy."""
        twin = object.__new__(HouseholdState)
        twin.tables, twin.plan = self.tables, self.plan.copy()
        twin.slack, twin.used_in_time = self.slack.copy(), self.used_in_time.copy()
        twin.shortages, twin.served = self.shortages.copy(), self.served.copy()
        twin.meals_of, twin.cooked_on = self.meals_of.copy(), self.cooked_on.copy()
        twin.recipe_on = self.recipe_on.copy()
        twin.cuisine_counts, twin.minutes = self.cuisine_counts.copy(), self.minutes.copy()
        twin.eaten, twin.open_slots = self.eaten.copy(), self.open_slots.copy()
        return twin

    def assign(self, slot: int, dish: int) -> None:
        """Fill an open slot."""
        self.plan[slot] = dish
        self._update(slot, dish, 1)

    def clear(self, slot: int) -> None:
        """Open a filled slot."""
        dish, self.plan[slot] = self.plan[slot], OPEN
        self._update(slot, dish, -1)

    def _update(self, slot: int, dish: int, sign: int) -> None:
        tables, problem = self.tables, self.tables.problem
        day, sitting = problem.cooking_day(dish, slot), problem.sitting(slot)
        needs = problem.needs(dish, slot)
        stock = np.array([number for number, _ in needs], np.int64)
        quantity = np.array([amount for _, amount in needs], float)
        before = self.slack[stock].min(axis=1) < 0
        self.slack[stock, : day + 1] -= sign * quantity[:, None]
        after = self.slack[stock].min(axis=1) < 0
        np.add.at(self.shortages, tables.item[stock], after.astype(np.int64) - before)
        self.used_in_time[stock] += sign * quantity[:, None] * (tables.expiry[stock] >= day)
        was_served = self.served[sitting, dish] > 0
        self.served[sitting, dish] += sign
        change = int(self.served[sitting, dish] > 0) - int(was_served)
        self.meals_of[problem.recipe(dish)] += change
        if not problem.dishes[dish].age:
            self.cooked_on[day, dish] += change
            self.recipe_on[day, problem.recipe(dish)] += change
            self.minutes[sitting] += change * problem.dishes[dish].minutes
        if tables.cuisine[dish] >= 0:
            self.cuisine_counts[tables.cuisine[dish]] += sign
        for number in tables.limits_of.get(slot, ()):
            self.eaten[number] += sign * float(amount(problem, problem.limits[number], dish))
            self.open_slots[number] -= sign

    def clear_orphans(self, pins: Mapping[int, int]) -> set[int]:
        """Open the slots of leftovers that are no longer cooked, and return them."""
        problem = self.tables.problem
        if not self.tables.has_leftovers:
            return set()
        orphans = {
            slot
            for slot, dish in enumerate(self.plan)
            if dish != OPEN
            and problem.dishes[dish].age
            and not self.cooked_on[problem.cooking_day(dish, slot), problem.base(dish)]
            and slot not in pins
        }
        for slot in orphans:
            self.clear(slot)
        return orphans

    def refill(self, slots: Sequence[int], banned: Collection[int]) -> None:
        """Fill open slots with the best dishes that are not banned."""
        emptied = self.clear_orphans({}) | set(slots)
        for number, service in enumerate(self.tables.services):
            if not emptied.isdisjoint(int(slot) for slot in service.slots):
                self.fill(number, banned=banned)

    def fill(
        self,
        number: int,
        *,
        banned: Collection[int] = (),
        rng: np.random.Generator | None = None,
        noise: float = 0.0,
    ) -> None:
        """Fill the open slots of a service, as far as anything is feasible.

        With `rng`, Gumbel noise of scale `noise` is added to the dishes' gains.
        """
        service = self.tables.services[number]
        barred = np.isin(service.dishes, list(banned)) if banned else None
        while service.dishes.size:
            is_open = np.array([self.plan[slot] == OPEN for slot in service.slots])
            takes = service.fits & is_open
            bounds = self.tables.bounds[number]
            for bound in bounds:
                takes[:, bound.column] &= self._within(bound)
            if not takes.any():
                return
            gain = self._gains(service, takes)
            for bound in bounds:
                gain -= takes[:, bound.column] * self._missed(bound)
            if barred is not None:
                gain[barred] = _INFEASIBLE
            noisy = gain if rng is None else gain + rng.gumbel(size=len(gain)) * noise
            best = int(np.argmax(noisy))
            if gain[best] <= _INFEASIBLE / 2:
                return
            for slot in service.slots[takes[best]]:
                self.assign(int(slot), int(service.dishes[best]))

    def _gains(self, service: Service, takes: Booleans) -> Floats:
        """Return what each dish would add if the slots in its row take it, or `_INFEASIBLE`."""
        tables, problem = self.tables, self.tables.problem
        weights, sitting = problem.weights, service.sitting
        gain: Floats = (service.points * takes).sum(axis=1)
        gain += _POINTS_PER_DINER * (takes @ service.diners)
        quantity = (service.amounts * takes[service.owner]).sum(axis=1)
        cooking_day = service.day - service.ages
        day = cooking_day[service.owner]
        slack = np.minimum.accumulate(self.slack, axis=1)[service.stock, day]
        short = quantity > slack
        must_buy = short & (self.shortages[tables.item[service.stock]] == 0)
        purchases = np.bincount(service.owner[must_buy], minlength=len(gain))
        gain -= weights.purchase * purchases
        if service.expiring.size:
            stock = service.stock[service.expiring]
            before = self.used_in_time[stock]
            in_time = tables.expiry[stock] >= day[service.expiring, None]
            after = before + quantity[service.expiring, None] * in_time
            saved = rescue_points(tables, stock, after) - rescue_points(tables, stock, before)
            gain += np.bincount(service.owner[service.expiring], saved, minlength=len(gain))
        if weights.cuisine and tables.cuisine_count:
            new = (service.cuisines >= 0) & (self.cuisine_counts[service.cuisines] == 0)
            gain += weights.cuisine * new
        here = self.served[sitting, service.dishes] > 0
        gain -= weights.repeat * (~here & (self.meals_of[service.recipes] > 0))
        gain -= weights.extra_dish * (self._dishes_of(service) > 0) * ~here
        feasible = takes.any(axis=1) & ~self._in_another_course(service)
        feasible &= np.where(
            service.ages > 0, self._was_cooked(service, cooking_day), here | self._may_cook(service)
        )
        if problem.max_items is not None:
            feasible &= np.count_nonzero(self.shortages) + purchases <= problem.max_items
        if tables.has_costs:
            spent, extra = self._costs(service, quantity, slack)
            gain -= float(weights.cost) * extra
            if problem.budget is not None:
                feasible &= spent + extra <= float(problem.budget) + 1e-9
        gain[~feasible] = _INFEASIBLE
        return gain

    def _within(self, bound: Bound) -> Booleans:
        """Return for each dish whether a hard limit holds with it."""
        tables, number = self.tables, bound.limit
        if tables.is_soft[number]:
            return np.ones(len(bound.amounts), bool)
        eaten = self.eaten[number] + bound.amounts
        within: Booleans = eaten <= tables.maximum[number] + _TOLERANCE
        if self.open_slots[number] == 1:
            within &= eaten >= tables.minimum[number] - _TOLERANCE
        return within

    def _missed(self, bound: Bound) -> Floats:
        """Return the points that each dish loses by a soft limit."""
        tables, number = self.tables, bound.limit
        if not tables.is_soft[number]:
            return np.zeros(len(bound.amounts))
        before = tables.deviation(number, self.eaten[number])
        after = tables.deviation(number, self.eaten[number] + bound.amounts)
        return tables.problem.weights.nutrition * (after - before)

    def _was_cooked(self, service: Service, day: Ints) -> Booleans:
        """Return whether what a leftover is of is cooked on its cooking day."""
        if not self.tables.has_leftovers:
            return np.zeros(len(day), bool)
        cooked: Booleans = self.cooked_on[day, service.bases] > 0
        return cooked

    def _may_cook(self, service: Service) -> Booleans:
        """Return whether each dish may be cooked once more, at this sitting."""
        problem, day = self.tables.problem, service.day
        cooked = self.recipe_on[:, service.recipes]
        feasible: Booleans = np.less(cooked.sum(axis=0), problem.max_repeats)
        feasible &= self._in_time(service.sitting, service.minutes)
        if problem.min_distance:
            near = cooked[max(0, day - problem.min_distance + 1) : day + problem.min_distance]
            feasible &= np.all(near == 0, axis=0)
        if problem.max_cooking_days is not None:
            days = np.any(self.cooked_on > 0, axis=1)
            if not days[day] and np.count_nonzero(days) >= problem.max_cooking_days:
                feasible[:] = False
        return feasible

    def _dishes_of(self, service: Service) -> int:
        return len({self.plan[slot] for slot in service.slots} - {OPEN})

    def _in_another_course(self, service: Service) -> Booleans:
        slots = set(self.tables.problem.sitting_slots(service.sitting)) - set(service.slots)
        others = [self.plan[slot] for slot in slots if self.plan[slot] != OPEN]
        return np.isin(service.dishes, others)

    def _in_time(self, sitting: int, minutes: Ints) -> Booleans:
        problem = self.tables.problem
        width = len(problem.meals)
        day = sitting // width
        left = float("inf")
        if (budget := problem.sitting_budgets[sitting]) is not None:
            left = max(0, budget - int(self.minutes[sitting]))
        if (budget := problem.day_budgets[day]) is not None:
            spent = int(self.minutes[day * width : (day + 1) * width].sum())
            left = min(left, max(0, budget - spent))
        return np.less_equal(minutes, left)

    def _costs(self, service: Service, quantity: Floats, slack: Floats) -> tuple[float, Floats]:
        """Return what the plan costs, and what each dish would add."""
        tables = self.tables
        missing = np.maximum(0.0, -self.slack.min(axis=1))
        cost = _price(missing, tables.price, tables.package)
        stock = service.stock
        # A day's use lowers the slack of that day and those before it.
        with_dish = np.maximum(missing[stock], quantity - slack)
        added = _price(with_dish, tables.price[stock], tables.package[stock]) - cost[stock]
        return float(cost.sum()), np.bincount(
            service.owner, added, minlength=len(service.dishes)
        ).astype(float)

    def score(self) -> float:
        """Return the plan's points plus `_POINTS_PER_DINER` for everybody fed."""
        tables, problem = self.tables, self.tables.problem
        weights = problem.weights
        stock = np.flatnonzero(tables.has_expiring)
        points = float(rescue_points(tables, stock, self.used_in_time[stock]).sum())
        for service in tables.services:
            dishes = [self.plan[slot] for slot in service.slots]
            for column, dish in enumerate(dishes):
                if dish != OPEN:
                    row = int(np.searchsorted(service.dishes, dish))
                    points += service.points[row, column]
                    points += _POINTS_PER_DINER * service.diners[column]
            points -= weights.extra_dish * max(0, len(set(dishes) - {OPEN}) - 1)
        if tables.has_costs:
            missing = np.maximum(0.0, -self.slack.min(axis=1))
            cost = _price(missing, tables.price, tables.package).sum()
            points -= float(weights.cost) * float(cost)
        for number in np.flatnonzero(tables.is_soft):
            points -= weights.nutrition * float(tables.deviation(number, self.eaten[number]))
        return (
            points
            - weights.purchase * int(np.count_nonzero(self.shortages))
            + weights.cuisine * int(np.count_nonzero(self.cuisine_counts))
            - weights.repeat * int(np.maximum(self.meals_of - 1, 0).sum())
        )


def _price(missing: Floats, price: Floats, package: Floats) -> Floats:
    """Return the price of what is bought where these parts are missing."""
    whole = np.where(package > 0, package, 1.0)
    packed = np.ceil(missing / whole - 1e-9) * whole
    bought: Floats = np.where(package > 0, packed, missing) * price
    return bought


def construct(tables: HouseholdTables, pins: Mapping[int, int]) -> HouseholdState:
    """Build a greedy plan around the pinned meals, the service with the fewest dishes first."""
    state = HouseholdState(tables, [pins.get(slot, OPEN) for slot in tables.problem.slots])
    for number in sorted(
        range(len(tables.services)), key=lambda number: len(tables.services[number].dishes)
    ):
        state.fill(number)
    return state


def improve(
    start: HouseholdState,
    pins: Mapping[int, int],
    steps: int,
    stop: Callable[[], bool],
    seed: int = 0,
) -> Iterator[Plan]:
    """Yield plans, each better than the last, for `steps` steps or until `stop()`."""
    tables = start.tables
    free = [
        number
        for number, service in enumerate(tables.services)
        if any(int(slot) not in pins for slot in service.slots)
    ]
    if not free:
        return

    def recreate(trial: HouseholdState, rng: np.random.Generator, noise: float) -> None:
        _ruin_and_recreate(trial, free, pins, rng, noise)

    yield from anneal(start, tables.problem, recreate, steps, stop, seed)


def _ruin_and_recreate(
    state: HouseholdState,
    free: Sequence[int],
    pins: Mapping[int, int],
    rng: np.random.Generator,
    noise: float,
) -> None:
    ruined = ruin(state, free, pins, rng)
    for number in rng.permutation(ruined):
        state.fill(int(number), rng=rng, noise=noise)
