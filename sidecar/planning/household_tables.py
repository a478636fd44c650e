"""The constants of the search in household_search.py, as arrays."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sidecar.planning.local_search import Floats, Ints, StockTables
from sidecar.planning.nutrition import amount
from sidecar.planning.problem import Problem

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Service:
    """The slots of a course at a sitting, and the dishes that fit any of them.

    `fits` is dishes x slots. Need k is of dish `owner[k]`, and `amounts` is needs x slots.
    """

    sitting: int
    day: int
    slots: Ints
    diners: Floats
    dishes: Ints
    fits: Booleans
    points: Floats  # dishes x slots
    minutes: Ints
    bases: Ints  # the dishes, or those that leftovers are of
    ages: Ints  # days since they were cooked
    recipes: Ints
    cuisines: Ints
    owner: Ints
    stock: Ints
    amounts: Floats
    expiring: Ints  # positions of the needs whose stock has expiring lots


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit at one slot of a service: its row, and what each dish adds to its sum."""

    limit: int
    column: int  # of the service's slots
    amounts: Floats


class HouseholdTables(StockTables):
    """The constants of a search over services."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.price = np.array([float(stock.price or 0) for stock in problem.stocks])
        self.package = np.array([float(stock.package or 0) for stock in problem.stocks])
        self.minimum = np.array([float(limit.minimum or 0) for limit in problem.limits])
        self.maximum = np.array([float(limit.maximum or np.inf) for limit in problem.limits])
        self.is_soft = np.array([limit.soft for limit in problem.limits], bool)
        self.limits_of: dict[int, list[int]] = defaultdict(list)  # slot -> limits
        for number, limit in enumerate(problem.limits):
            for slot in limit.slots:
                self.limits_of[slot].append(number)
        self.max_age = max(dish.age for dish in problem.dishes)
        self.has_leftovers = self.max_age > 0
        self.has_costs = bool(problem.weights.cost) or problem.budget is not None
        slots: dict[tuple[int, str | None], list[int]] = defaultdict(list)
        for slot in problem.slots:
            if slot not in problem.closed:
                slots[problem.service(slot)].append(slot)
        by_limits: dict[tuple[object, ...], Service] = {}
        services = []
        for (sitting, _), members in slots.items():
            key = tuple(self._limits(slot) for slot in members)
            if key not in by_limits:
                by_limits[key] = self._service(sitting, members)
            services.append(
                replace(
                    by_limits[key],
                    sitting=sitting,
                    day=problem.day(members[0]),
                    slots=np.array(members, np.int64),
                )
            )
        self.services = tuple(services)
        self.bounds = tuple(self._bounds(service) for service in services)

    def _bounds(self, service: Service) -> tuple[Bound, ...]:
        problem = self.problem
        return tuple(
            Bound(
                number,
                column,
                np.array(
                    [
                        float(amount(problem, problem.limits[number], int(dish)))
                        for dish in service.dishes
                    ]
                ),
            )
            for column, slot in enumerate(service.slots)
            for number in self.limits_of.get(int(slot), ())
        )

    def deviation(self, limit: int, eaten: Floats) -> Floats:
        """Return by how much of a limit's bounds sums miss it."""
        minimum, maximum = self.minimum[limit], self.maximum[limit]
        missed = np.zeros(np.shape(eaten))
        if minimum:
            missed += np.maximum(0.0, minimum - eaten) / minimum
        if np.isfinite(maximum):
            missed += np.maximum(0.0, eaten - maximum) / maximum
        return missed

    def _limits(self, slot: int) -> tuple[object, ...]:
        """Return what decides which dishes fit a slot, and what they need and score."""
        problem = self.problem
        return (
            slot % len(problem.columns),
            problem.portion_of[slot] if problem.portions else 0,
            problem.sitting_budgets[problem.sitting(slot)],
            problem.day_budgets[problem.day(slot)],
            problem.slot_habits.get(slot),
            problem.no_cooking.get(slot),
            slot in problem.no_leftovers,
            min(problem.day(slot), self.max_age),
        )

    def _service(self, sitting: int, slots: list[int]) -> Service:
        problem = self.problem
        fits = {
            dish: [problem.fits(dish, slot) for slot in slots]
            for dish in range(len(problem.dishes))
        }
        dishes = [dish for dish, row in fits.items() if any(row)]
        needs = [problem.needs(dish, slots[0]) for dish in dishes]
        stock = np.array([s for need in needs for s, _ in need], np.int64)
        amounts = [[q for dish in dishes for _, q in problem.needs(dish, slot)] for slot in slots]
        points = [[float(problem.meal_points(dish, slot)) for slot in slots] for dish in dishes]
        shape = (len(dishes), len(slots))
        return Service(
            sitting=sitting,
            day=problem.day(slots[0]),
            slots=np.array(slots, np.int64),
            diners=np.array([problem.diners(slot) for slot in slots], float),
            dishes=np.array(dishes, np.int64),
            fits=np.array([fits[dish] for dish in dishes], bool).reshape(shape),
            points=np.array(points, float).reshape(shape),
            minutes=np.array([problem.dishes[dish].minutes for dish in dishes], np.int64),
            bases=np.array([problem.base(dish) for dish in dishes], np.int64),
            recipes=np.array([problem.recipe(dish) for dish in dishes], np.int64),
            ages=np.array([problem.dishes[dish].age for dish in dishes], np.int64),
            cuisines=self.cuisine[np.array(dishes, np.int64)],
            owner=np.repeat(np.arange(len(dishes)), [len(need) for need in needs]),
            stock=stock,
            amounts=np.array(amounts, float).reshape(len(slots), len(stock)).T,
            expiring=np.flatnonzero(self.has_expiring[stock]),
        )
