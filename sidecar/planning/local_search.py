"""Local search: good plans fast, by ruin and recreate under simulated annealing.

Schrimpf et al., "Record breaking optimization results using the ruin and recreate principle"
(2000). The search only proposes plans: its callers assess and certify them exactly. Steps are
counted, not timed, and the random numbers are seeded, so a request gets the same plans each time
unless a deadline stops the search.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.planning.annealing import anneal
from sidecar.planning.problem import OPEN, Plan, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_INFEASIBLE = -1e12
_POINTS_PER_MEAL = 1e6  # a filled slot outweighs every other gain or loss
_MAX_RUIN_SIZE = 4


@dataclass(frozen=True, slots=True)
class Candidates:
    """The dishes that fit a slot, with their needs in flat arrays: need k is of dish `owner[k]`."""

    dishes: Ints
    minutes: Ints
    cuisines: Ints
    points: Floats
    owner: Ints
    stock: Ints
    quantity: Floats
    expiring: Ints  # positions of the needs whose stock has expiring lots


class StockTables:
    """The stocks (I x days) and their expiring lots (I x K) as arrays.

    K is the maximum number of expiring lots of a stock.
    """

    def __init__(self, problem: Problem) -> None:
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
        self.cumulative = np.zeros(shape)  # the quantity of a lot and those before it
        self.rate_drop = np.zeros(shape)  # a lot's rate minus the next lot's
        self.has_expiring = np.array([bool(lots) for lots in expiring], bool)
        for row, lots in enumerate(expiring):
            rates = [float(rate) for _, rate in lots] + [0.0]
            total = 0
            for column, (lot, _) in enumerate(lots):
                total += lot.quantity
                self.expiry[row, column] = lot.expiry
                self.cumulative[row, column] = total
                self.rate_drop[row, column] = rates[column] - rates[column + 1]
        # Column t is the quantity unexpired after day t - 1, so column 0 is the whole stock.
        self.unexpired = np.zeros((len(stocks), problem.days))
        for row, stock in enumerate(stocks):
            for lot in stock.lots:
                self.unexpired[row, : lot.expiry + 1] += lot.quantity
        names = sorted({dish.cuisine for dish in problem.dishes if dish.cuisine is not None})
        numbers = {name: number for number, name in enumerate(names)}
        self.cuisine = np.array(
            [numbers.get(dish.cuisine or "", -1) for dish in problem.dishes], np.int64
        )
        self.cuisine_count = len(names)


class SearchTables(StockTables):
    """The constants of a search."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.needs = [
            (
                np.array([stock for stock, _ in dish.needs], np.int64),
                np.array([quantity for _, quantity in dish.needs], float),
            )
            for dish in problem.dishes
        ]
        by_limits: dict[tuple[object, ...], Candidates] = {}
        self.candidates: list[Candidates] = []
        for slot in problem.slots:
            key = (
                problem.meal(slot),
                problem.sitting_budgets[problem.sitting(slot)],
                problem.slot_habits.get(slot),
                problem.day_budgets[problem.day(slot)],
            )
            if key not in by_limits:
                by_limits[key] = self._candidates(slot)
            self.candidates.append(by_limits[key])

    def _candidates(self, slot: int) -> Candidates:
        problem, meal = self.problem, self.problem.meal(slot)
        limit = problem.minutes_allowed(slot)
        dishes = [  # those that problem.fits() accepts, determined several times faster
            number
            for number, dish in enumerate(problem.dishes)
            if dish.permitted
            and meal in dish.meals
            and (limit is None or dish.minutes <= limit)
            and not (problem.slot_habits and problem.broken_habits(number, slot))
        ]
        stock = np.concatenate([np.zeros(0, np.int64), *(self.needs[dish][0] for dish in dishes)])
        return Candidates(
            dishes=np.array(dishes, np.int64),
            minutes=np.array([problem.dishes[dish].minutes for dish in dishes], np.int64),
            cuisines=self.cuisine[np.array(dishes, np.int64)],
            points=np.array([problem.meal_points(dish, slot) for dish in dishes], float),
            owner=np.repeat(np.arange(len(dishes)), [len(self.needs[d][0]) for d in dishes]),
            stock=stock,
            quantity=np.concatenate([np.zeros(0), *(self.needs[dish][1] for dish in dishes)]),
            expiring=np.flatnonzero(self.has_expiring[stock]),
        )


class SearchState:
    """A plan under search, with the sums that make the next change cheap to score, in floats."""

    def __init__(self, tables: SearchTables, plan: Sequence[int]) -> None:
        problem = tables.problem
        self.tables = tables
        self.plan: list[int] = [OPEN] * len(problem.slots)
        self.slack = tables.unexpired.copy()  # column t: less what is used from day t on
        self.used_in_time = np.zeros_like(tables.cumulative)  # up to each lot's last day, inclusive
        self.shortages = np.zeros(len(problem.items), np.int64)  # how many stocks of an item
        self.dish_counts = np.zeros(len(problem.dishes), np.int64)
        self.cuisine_counts = np.zeros(tables.cuisine_count, np.int64)
        self.minutes = np.zeros(problem.days, np.int64)
        for slot, dish in enumerate(plan):
            if dish != OPEN:
                self.assign(slot, dish)

    def copy(self) -> "SearchState":
        """Return an independent copy."""
        twin = object.__new__(SearchState)
        twin.tables, twin.plan = self.tables, self.plan.copy()
        twin.slack, twin.used_in_time = self.slack.copy(), self.used_in_time.copy()
        twin.shortages, twin.dish_counts = self.shortages.copy(), self.dish_counts.copy()
        twin.cuisine_counts, twin.minutes = self.cuisine_counts.copy(), self.minutes.copy()
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
        tables = self.tables
        day = tables.problem.day(slot)
        stock, quantity = tables.needs[dish]
        before = self.slack[stock].min(axis=1) < 0
        self.slack[stock, : day + 1] -= sign * quantity[:, None]
        after = self.slack[stock].min(axis=1) < 0
        np.add.at(self.shortages, tables.item[stock], after.astype(np.int64) - before)
        self.used_in_time[stock] += sign * quantity[:, None] * (tables.expiry[stock] >= day)
        self.dish_counts[dish] += sign
        self.minutes[day] += sign * tables.problem.dishes[dish].minutes
        if tables.cuisine[dish] >= 0:
            self.cuisine_counts[tables.cuisine[dish]] += sign

    def refill(self, slots: Sequence[int], banned: Collection[int]) -> None:
        """Fill open slots with the best dishes that are not banned."""
        for slot in slots:
            fill(self, slot, banned=banned)

    def gains(self, slot: int) -> Floats:
        """Return the points each candidate would add to an open slot, or `_INFEASIBLE`."""
        tables, problem = self.tables, self.tables.problem
        weights, day = problem.weights, problem.day(slot)
        candidates = tables.candidates[slot]
        gain = candidates.points.copy()
        slack = self.slack[:, : day + 1].min(axis=1)
        must_buy = (candidates.quantity > slack[candidates.stock]) & (
            self.shortages[tables.item[candidates.stock]] == 0
        )
        purchases = np.bincount(candidates.owner[must_buy], minlength=len(gain))
        gain -= weights.purchase * purchases
        if candidates.expiring.size:
            stock = candidates.stock[candidates.expiring]
            before = self.used_in_time[stock]
            quantity = candidates.quantity[candidates.expiring, None]
            after = before + quantity * (tables.expiry[stock] >= day)
            saved = rescue_points(tables, stock, after) - rescue_points(tables, stock, before)
            gain += np.bincount(candidates.owner[candidates.expiring], saved, minlength=len(gain))
        if weights.cuisine and tables.cuisine_count:
            new = (candidates.cuisines >= 0) & (self.cuisine_counts[candidates.cuisines] == 0)
            gain += weights.cuisine * new
        repeats = self.dish_counts[candidates.dishes]
        gain -= weights.repeat * (repeats > 0)
        feasible = repeats < problem.max_repeats
        budget = problem.day_budgets[day]
        if budget is not None:
            feasible &= candidates.minutes <= budget - self.minutes[day]
        if problem.max_items is not None:
            feasible &= np.count_nonzero(self.shortages) + purchases <= problem.max_items
        gain[~feasible] = _INFEASIBLE
        return gain

    def score(self) -> float:
        """Return the plan's points plus `_POINTS_PER_MEAL` for each meal."""
        tables, problem = self.tables, self.tables.problem
        weights = problem.weights
        stock = np.flatnonzero(tables.has_expiring)
        meals = [(slot, dish) for slot, dish in enumerate(self.plan) if dish != OPEN]
        return (
            sum(problem.meal_points(dish, slot) for slot, dish in meals)
            + _POINTS_PER_MEAL * len(meals)
            + float(rescue_points(tables, stock, self.used_in_time[stock]).sum())
            - weights.purchase * int(np.count_nonzero(self.shortages))
            + weights.cuisine * int(np.count_nonzero(self.cuisine_counts))
            - weights.repeat * int(np.maximum(self.dish_counts - 1, 0).sum())
        )


def rescue_points(tables: StockTables, stock: Ints, used: Floats) -> Floats:
    """Return points for expiring food used in time; `used` is rows x K for the stocks in `stock`.

    Of the first k lots, first-expiry-first-out takes the minimum over j <= k of
    used_j + cumulative_k - cumulative_j (both are 0 for j = 0).
    """
    cumulative = tables.cumulative[stock]
    missed = np.maximum.accumulate(np.maximum(cumulative - used, 0.0), axis=1)
    points: Floats = np.einsum("ij,ij->i", cumulative - missed, tables.rate_drop[stock])
    return points


def construct(tables: SearchTables, pins: Mapping[int, int]) -> SearchState:
    """Build a greedy plan around the pinned meals, the slot with the fewest candidates first."""
    state = SearchState(tables, [pins.get(slot, OPEN) for slot in tables.problem.slots])
    for slot in sorted(_open_slots(state.plan), key=lambda s: len(tables.candidates[s].dishes)):
        fill(state, slot)
    return state


def improve(
    start: SearchState, pins: Mapping[int, int], steps: int, stop: Callable[[], bool], seed: int = 0
) -> Iterator[Plan]:
    """Yield plans, each better than the last, for `steps` steps or until `stop()`."""
    problem = start.tables.problem
    free = np.array([slot for slot in problem.slots if slot not in pins], np.int64)
    if not free.size:
        return

    def recreate(trial: SearchState, rng: np.random.Generator, noise: float) -> None:
        size = min(len(free), int(rng.integers(1, _MAX_RUIN_SIZE)))
        ruined = [int(slot) for slot in rng.choice(free, size, replace=False)]
        still_open = [slot for slot in _open_slots(trial.plan) if slot not in ruined]
        if still_open:
            ruined += [int(slot) for slot in rng.permutation(still_open)[:_MAX_RUIN_SIZE]]
        for slot in ruined:
            if trial.plan[slot] != OPEN:
                trial.clear(slot)
        for slot in ruined:
            fill(trial, slot, rng=rng, noise=noise)

    yield from anneal(start, problem, recreate, steps, stop, seed)


def _open_slots(plan: Sequence[int]) -> list[int]:
    return [slot for slot, dish in enumerate(plan) if dish == OPEN]


def fill(
    state: SearchState,
    slot: int,
    *,
    banned: Collection[int] = (),
    rng: np.random.Generator | None = None,
    noise: float = 0.0,
) -> None:
    """Fill an open slot with the best dish, or leave it open if none is feasible.

    With `rng`, Gumbel noise of scale `noise` is added to the candidates' gains.
    """
    gain = state.gains(slot)
    if not gain.size:
        return
    dishes = state.tables.candidates[slot].dishes
    if banned:
        gain[np.isin(dishes, list(banned))] = _INFEASIBLE
    noisy = gain if rng is None else gain + rng.gumbel(size=len(gain)) * noise
    best = int(np.argmax(noisy))
    if gain[best] > _INFEASIBLE / 2:
        state.assign(slot, int(dishes[best]))
