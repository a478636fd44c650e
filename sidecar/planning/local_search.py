"""Local search: good plans fast, by ruin and recreate under simulated annealing.

Schrimpf et al., "Record breaking optimization results using the ruin and recreate principle"
(2000). The search only proposes: whoever uses a plan assesses and certifies it exactly. Steps are
counted, not timed, and the random numbers are seeded, so a request gets the same plans each time
unless a deadline cuts the search short.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from sidecar.planning.problem import NEVER, OPEN, Plan, Problem
from sidecar.planning.scoring import rank

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_IMPOSSIBLE = -1e12
_MEAL = 1e6  # a filled slot outweighs whatever it costs
_LARGEST_RUIN = 4
_HOTTEST = 0.6  # of the points that a typical step gains or loses


@dataclass(frozen=True, slots=True)
class Candidates:
    """The dishes that fit a slot, their needs laid end to end: need k is of dish `owner[k]`."""

    dishes: Ints
    minutes: Ints
    cuisines: Ints
    points: Floats
    owner: Ints
    stock: Ints
    quantity: Floats
    expiring: Ints  # positions of the needs whose stock holds expiring lots


class SearchTables:
    """What stays the same during a search, as arrays. K is the most expiring lots of a stock."""

    def __init__(self, problem: Problem) -> None:
        """Lay out stocks (I x days), expiring lots (I x K) and each slot's candidates."""
        self.problem = problem
        stocks = problem.stocks
        self.item = np.array([stock.item for stock in stocks], np.int64)
        expiring = [
            [(lot, rate) for lot, rate in zip(stock.lots, stock.rates, strict=True) if rate]
            for stock in stocks
        ]
        depth = max((len(lots) for lots in expiring), default=0) or 1
        shape = (len(stocks), depth)
        self.expiry = np.full(shape, -1, np.int64)
        self.stored = np.zeros(shape)  # cumulated quantity
        self.drop = np.zeros(shape)  # a lot's rate less the next lot's
        self.has_expiring = np.array([bool(lots) for lots in expiring], bool)
        for row, lots in enumerate(expiring):
            rates = [float(rate) for _, rate in lots] + [0.0]
            total = 0
            for column, (lot, _) in enumerate(lots):
                total += lot.quantity
                self.expiry[row, column] = lot.expiry
                self.stored[row, column] = total
                self.drop[row, column] = rates[column] - rates[column + 1]
        # Column t: what is left after day t - 1, so that column 0 is all there is.
        self.left = np.zeros((len(stocks), problem.days))
        for row, stock in enumerate(stocks):
            for lot in stock.lots:
                self.left[row, : min(lot.expiry, NEVER) + 1] += lot.quantity
        names = sorted({dish.cuisine for dish in problem.dishes if dish.cuisine is not None})
        numbers = {name: number for number, name in enumerate(names)}
        self.cuisine = np.array(
            [numbers.get(d.cuisine or "", -1) for d in problem.dishes], np.int64
        )
        self.cuisines = len(names)
        self.needs = [
            (
                np.array([stock for stock, _ in dish.needs], np.int64),
                np.array([quantity for _, quantity in dish.needs], float),
            )
            for dish in problem.dishes
        ]
        of_meal = [self._of_meal(meal) for meal in range(len(problem.meals))]
        known: dict[tuple[int, int | None, int | None], Candidates] = {}
        self.candidates: list[Candidates] = []
        for slot in problem.slots:
            key = (
                problem.meal(slot),
                problem.slot_budgets[slot],
                problem.day_budgets[problem.day(slot)],
            )
            if key not in known:
                known[key] = self._candidates(slot, of_meal[problem.meal(slot)])
            self.candidates.append(known[key])

    def _of_meal(self, meal: int) -> Candidates:
        """The dishes that fit a meal, whatever time it takes; what they earn is left open."""
        problem = self.problem
        dishes = [
            number
            for number, dish in enumerate(problem.dishes)
            if dish.permitted and meal in dish.meals
        ]
        stock = np.concatenate([self.needs[dish][0] for dish in dishes] or [np.zeros(0, np.int64)])
        return Candidates(
            dishes=np.array(dishes, np.int64),
            minutes=np.array([problem.dishes[dish].minutes for dish in dishes], np.int64),
            cuisines=self.cuisine[dishes] if dishes else np.zeros(0, np.int64),
            points=np.zeros(len(dishes)),
            owner=np.repeat(np.arange(len(dishes)), [len(self.needs[d][0]) for d in dishes]),
            stock=stock,
            quantity=np.concatenate([self.needs[dish][1] for dish in dishes] or [np.zeros(0)]),
            expiring=np.flatnonzero(self.has_expiring[stock]),
        )

    def _candidates(self, slot: int, of: Candidates) -> Candidates:
        limit = self.problem.minutes_allowed(slot)
        quick = np.full(len(of.dishes), True) if limit is None else of.minutes <= limit
        place = np.cumsum(quick) - 1
        needs = quick[of.owner]
        stock = of.stock[needs]
        dishes = of.dishes[quick]
        points = [self.problem.meal_points(int(dish), slot) for dish in dishes]
        return Candidates(
            dishes=dishes,
            minutes=of.minutes[quick],
            cuisines=of.cuisines[quick],
            points=np.array(points, float),
            owner=place[of.owner[needs]],
            stock=stock,
            quantity=of.quantity[needs],
            expiring=np.flatnonzero(self.has_expiring[stock]),
        )


class SearchState:
    """A plan being changed, with all that scoring the next change needs. Points are floats here."""

    def __init__(self, tables: SearchTables) -> None:
        """Start with every slot open."""
        problem = tables.problem
        self.tables = tables
        self.plan: list[int] = [OPEN] * len(problem.slots)
        self.spare = (
            tables.left.copy()
        )  # I x days: left after day t - 1 less what is used from t on
        self.eaten = np.zeros_like(tables.stored)  # used up to and including each lot's last day
        self.short = np.zeros(len(problem.items), np.int64)  # stocks short of each item
        self.count = np.zeros(len(problem.dishes), np.int64)
        self.of_cuisine = np.zeros(tables.cuisines, np.int64)
        self.minutes = np.zeros(problem.days, np.int64)

    def copy(self) -> "SearchState":
        """An independent copy."""
        twin = object.__new__(SearchState)
        twin.tables, twin.plan = self.tables, self.plan.copy()
        twin.spare, twin.eaten = self.spare.copy(), self.eaten.copy()
        twin.short, twin.count = self.short.copy(), self.count.copy()
        twin.of_cuisine, twin.minutes = self.of_cuisine.copy(), self.minutes.copy()
        return twin

    def put(self, slot: int, dish: int) -> None:
        """Fill an open slot."""
        self.plan[slot] = dish
        self._change(slot, dish, 1)

    def clear(self, slot: int) -> None:
        """Open a filled slot."""
        dish, self.plan[slot] = self.plan[slot], OPEN
        self._change(slot, dish, -1)

    def _change(self, slot: int, dish: int, sign: int) -> None:
        tables = self.tables
        day = tables.problem.day(slot)
        stock, quantity = tables.needs[dish]
        before = self.spare[stock].min(axis=1) < 0
        self.spare[stock, : day + 1] -= sign * quantity[:, None]
        after = self.spare[stock].min(axis=1) < 0
        np.add.at(self.short, tables.item[stock], after.astype(np.int64) - before)
        self.eaten[stock] += sign * quantity[:, None] * (tables.expiry[stock] >= day)
        self.count[dish] += sign
        self.minutes[day] += sign * tables.problem.dishes[dish].minutes
        if tables.cuisine[dish] >= 0:
            self.of_cuisine[tables.cuisine[dish]] += sign

    def gains(self, slot: int) -> Floats:
        """Points each candidate of an open slot would add, `_IMPOSSIBLE` where it can't be."""
        tables, problem = self.tables, self.tables.problem
        points, day = problem.points, problem.day(slot)
        of = tables.candidates[slot]
        gain = of.points.copy()
        room = self.spare[:, : day + 1].min(axis=1)
        buys = (of.quantity > room[of.stock]) & (self.short[tables.item[of.stock]] == 0)
        bought = np.bincount(of.owner[buys], minlength=len(gain))
        gain -= points.purchase * bought
        if of.expiring.size:
            stock = of.stock[of.expiring]
            eaten = self.eaten[stock]
            more = eaten + of.quantity[of.expiring, None] * (tables.expiry[stock] >= day)
            saved = _rescued(tables, stock, more) - _rescued(tables, stock, eaten)
            gain += np.bincount(of.owner[of.expiring], saved, minlength=len(gain))
        if points.cuisine and tables.cuisines:
            new = (of.cuisines >= 0) & (self.of_cuisine[of.cuisines] == 0)
            gain += points.cuisine * new
        used = self.count[of.dishes]
        gain -= points.repeat * (used > 0)
        possible = used < problem.max_repeats
        budget = problem.day_budgets[day]
        if budget is not None:
            possible &= of.minutes <= budget - self.minutes[day]
        if problem.max_items is not None:
            possible &= np.count_nonzero(self.short) + bought <= problem.max_items
        gain[~possible] = _IMPOSSIBLE
        return gain

    def value(self) -> float:
        """The plan's points, and `_MEAL` for each meal."""
        tables, problem = self.tables, self.tables.problem
        points = problem.points
        stock = np.flatnonzero(tables.has_expiring)
        meals = [(slot, dish) for slot, dish in enumerate(self.plan) if dish != OPEN]
        return (
            sum(problem.meal_points(dish, slot) for slot, dish in meals)
            + _MEAL * len(meals)
            + float(_rescued(tables, stock, self.eaten[stock]).sum())
            - points.purchase * int(np.count_nonzero(self.short))
            + points.cuisine * int(np.count_nonzero(self.of_cuisine))
            - points.repeat * int(np.maximum(self.count - 1, 0).sum())
        )


def _rescued(tables: SearchTables, stock: Ints, eaten: Floats) -> Floats:
    """Points for expiring food used in time; `eaten` is rows x K for the stocks in `stock`.

    Of the first k lots, first-expiry-first-out takes the least over j <= k of
    eaten_j + stored_k - stored_j (j = 0 standing for nothing eaten and nothing stored).
    """
    stored = tables.stored[stock]
    missed = np.maximum.accumulate(np.maximum(stored - eaten, 0.0), axis=1)
    taken: Floats = np.einsum("ij,ij->i", stored - missed, tables.drop[stock])
    return taken


def construct(tables: SearchTables, pins: Mapping[int, int]) -> SearchState:
    """A greedy plan around the pinned meals: the slot with the fewest candidates first."""
    kitchen = SearchState(tables)
    for slot, dish in pins.items():
        kitchen.put(slot, dish)
    order = [slot for slot in tables.problem.slots if kitchen.plan[slot] == OPEN]
    for slot in sorted(order, key=lambda slot: len(tables.candidates[slot].dishes)):
        _fill(kitchen, slot, None)
    return kitchen


def improve(
    start: SearchState, pins: Mapping[int, int], steps: int, stop: Callable[[], bool], seed: int = 0
) -> Iterator[Plan]:
    """Yield plans, each better than the last, for `steps` steps or until `stop` says so."""
    problem = start.tables.problem
    free = np.array([slot for slot in problem.slots if slot not in pins], np.int64)
    if not free.size:
        return
    draw = np.random.Generator(np.random.PCG64(seed))
    current, value = start, start.value()
    best = value
    best_rank = rank(problem, tuple(start.plan))
    heat = _temperature(problem)
    for step in range(steps):
        if stop():
            return
        cooling = heat * max(0.01, (1 - step / steps) ** 2)
        trial = current.copy()
        size = min(len(free), int(draw.integers(1, _LARGEST_RUIN)))
        ruined = [int(slot) for slot in draw.choice(free, size, replace=False)]
        still_open = [slot for slot in open_slots(trial.plan) if slot not in ruined]
        if still_open:
            ruined += [int(slot) for slot in draw.permutation(still_open)[:_LARGEST_RUIN]]
        for slot in ruined:
            if trial.plan[slot] != OPEN:
                trial.clear(slot)
        for slot in ruined:
            _fill(trial, slot, draw, cooling * 0.5)
        new = trial.value()
        if new >= value or draw.random() < exp((new - value) / cooling):
            current, value = trial, new
            if value > best:
                best = value
                plan = tuple(current.plan)
                if (now := rank(problem, plan)) > best_rank:
                    best_rank = now
                    yield plan


def open_slots(plan: Sequence[int]) -> list[int]:
    """The slots a plan leaves open."""
    return [slot for slot, dish in enumerate(plan) if dish == OPEN]


def state_of(tables: SearchTables, plan: Plan) -> SearchState:
    """A kitchen that cooks this plan."""
    kitchen = SearchState(tables)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            kitchen.put(slot, dish)
    return kitchen


def refill(kitchen: SearchState, slot: int, banned: Collection[int]) -> None:
    """Put the best candidate but the banned ones in an open slot, or leave it open."""
    gain = kitchen.gains(slot)
    dishes = kitchen.tables.candidates[slot].dishes
    gain[np.isin(dishes, list(banned))] = _IMPOSSIBLE
    if gain.size and gain.max() > _IMPOSSIBLE / 2:
        kitchen.put(slot, int(dishes[int(np.argmax(gain))]))


def _fill(
    kitchen: SearchState, slot: int, draw: np.random.Generator | None, noise: float = 0.0
) -> None:
    """Put the best candidate in a slot, after Gumbel noise if `draw` is given, or leave it open."""
    gain = kitchen.gains(slot)
    if not gain.size:
        return
    choice = gain if draw is None else gain + draw.gumbel(size=len(gain)) * noise
    best = int(np.argmax(choice))
    if gain[best] > _IMPOSSIBLE / 2:
        kitchen.put(slot, int(kitchen.tables.candidates[slot].dishes[best]))


def _temperature(problem: Problem) -> float:
    points = problem.points
    return _HOTTEST * max(points.purchase, points.cuisine, points.rescue // 4, 10)
