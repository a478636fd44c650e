"""The planning problem as a mixed 0-1 linear program: bounds for plans, and better plans.

maximise  worth   subject to   the request's constraints, at least `meals` slots filled.

Slots that no constraint, expiry or budget tells apart form a group; a column y[dish, group] counts
how often the dish is cooked in it, which removes the symmetry between such days. Per item there is
a 0-1 column b (bought). Cooking after day t may use only what is left in lots that expire after t:
for each stock and each t where a lot expires (and t = -1)

    sum of quantity * y[dish, groups after t]  -  M * b  <=  left after t

The share of each expiring lot that is used in time is a continuous column; rates fall with expiry,
so the optimum takes first-expiry-first-out by itself. Cuisines are continuous for the same reason.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from math import floor, inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from deployments.planner.problem import OPEN, Plan, Problem

Floats = NDArray[np.float64]

# HiGHS works to 1e-6; a bound is raised by this much before it is rounded down to whole points.
_TOLERANCE = 1e-5
_INFEASIBLE = 2


@dataclass(frozen=True, slots=True)
class Program:
    """max worth @ x with matrix @ x <= limit, lower <= x <= upper, x[whole] integers."""

    problem: Problem
    groups: tuple[tuple[int, ...], ...]
    cells: tuple[tuple[int, int], ...]  # (dish, group) of the first columns, in order
    worth: Floats
    matrix: csr_array
    limit: Floats
    lower: Floats
    upper: Floats
    whole: NDArray[np.bool_]

    def plan(self, solution: Floats) -> Plan:
        """The plan of a solution: each group's dishes in order over its slots."""
        plan = [OPEN] * len(self.problem.slots)
        queues = [list(group) for group in self.groups]
        for (dish, group), count in zip(self.cells, solution, strict=False):
            for _ in range(round(float(count))):
                if queues[group]:
                    plan[queues[group].pop(0)] = dish
        return tuple(plan)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The linear relaxation: a proven bound in points, its point, and the reduced costs."""

    bound: float
    solution: Floats
    reduced: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to: no plan with as many meals is worth more than `bound` points."""

    plan: Plan | None
    bound: int | None
    impossible: bool


class _Builder:
    """Columns and rows `terms <= limit`, gathered one by one."""

    def __init__(self) -> None:
        self.worth: list[float] = []
        self.upper: list[float] = []
        self.whole: list[bool] = []
        self.index: list[int] = []
        self.value: list[float] = []
        self.start = [0]
        self.limit: list[float] = []

    def column(self, worth: float, upper: float, *, whole: bool) -> int:
        self.worth.append(worth)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.worth) - 1

    def row(self, terms: dict[int, float], limit: float, scale: float = 1.0) -> None:
        """Add a row divided by `scale`, which keeps grams and pieces on one footing."""
        self.index.extend(terms)
        self.value.extend(value / scale for value in terms.values())
        self.start.append(len(self.index))
        self.limit.append(limit / scale)


class _Layout(_Builder):
    """The builder with what the groups of rows share: cells, and columns by dish."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem
        self.groups = _groups(problem)
        self.cells: list[tuple[int, int]] = []
        self.of_group: dict[int, list[int]] = defaultdict(list)
        self.of_dish: dict[int, list[int]] = defaultdict(list)
        for dish in range(len(problem.dishes)):
            for number, group in enumerate(self.groups):
                if problem.fits(dish, group[0]):
                    place = self.column(
                        problem.meal_points(dish, group[0]),
                        min(problem.max_repeats, len(group)),
                        whole=True,
                    )
                    self.cells.append((dish, number))
                    self.of_group[number].append(place)
                    self.of_dish[dish].append(place)

    def day(self, place: int) -> int:
        """The first day of a cell's group; the group's other days are like it."""
        return self.problem.day(self.groups[self.cells[place][1]][0])


def build(problem: Problem, meals: int) -> Program:
    """The program of a problem with at least `meals` slots filled."""
    layout = _Layout(problem)
    for number, places in layout.of_group.items():
        layout.row(dict.fromkeys(places, 1.0), len(layout.groups[number]))
    layout.row(dict.fromkeys(range(len(layout.cells)), -1.0), -meals)
    _add_locks(layout)
    _add_budgets(layout)
    cooked = _add_dishes(layout)
    _add_cuisines(layout, cooked)
    if problem.points.purchase or problem.max_items is not None:
        _add_purchases(layout, cooked)
    _add_rescues(layout, cooked)
    return Program(
        problem=problem,
        groups=layout.groups,
        cells=tuple(layout.cells),
        worth=np.array(layout.worth, float),
        matrix=csr_array(
            (
                np.array(layout.value, float),
                np.array(layout.index, np.int32),
                np.array(layout.start, np.int32),
            ),
            shape=(len(layout.limit), len(layout.worth)),
        ),
        limit=np.array(layout.limit, float),
        lower=np.zeros(len(layout.worth)),
        upper=np.array(layout.upper, float),
        whole=np.array(layout.whole, bool),
    )


def relax(program: Program, seconds: float) -> Relaxation | None:
    """Solve the linear relaxation; None if that took too long.

    The bound is the Lagrangian one of the (clipped) row duals, which holds for any duals whatever
    the solver's tolerance was.
    """
    result = linprog(
        -program.worth,
        A_ub=program.matrix,
        b_ub=program.limit,
        bounds=np.column_stack([program.lower, program.upper]),
        method="highs",
        options={"time_limit": max(0.05, seconds)},
    )
    if result.x is None or result.status != 0:
        return None
    duals = np.maximum(0.0, -result.ineqlin.marginals)
    reduced = program.worth - program.matrix.T @ duals
    best = np.maximum(reduced * program.lower, reduced * program.upper)
    return Relaxation(float(best.sum() + duals @ program.limit), result.x, reduced)


def tighten(program: Program, relaxation: Relaxation, target: int) -> Program:
    """Fix the columns that no plan worth `target` points or more can move off their bound."""
    slack = relaxation.bound - target + _TOLERANCE
    reach = slack / np.maximum(np.abs(relaxation.reduced), 1e-9)
    width = program.upper - program.lower
    # A whole column can move off its bound by whole steps only.
    steps = np.where(program.whole, np.floor(np.minimum(reach, 1e6)), reach)
    move = np.minimum(width, steps)
    upper = np.where(relaxation.reduced < 0, program.lower + move, program.upper)
    lower = np.where(relaxation.reduced > 0, program.upper - move, program.lower)
    return replace(program, lower=lower, upper=upper)


def search(program: Program, seconds: float) -> Outcome:
    """The best plan branch-and-cut finds in this time, with a bound on the worth of any."""
    result = milp(
        -program.worth,
        integrality=program.whole.astype(int),
        bounds=Bounds(program.lower, program.upper),
        constraints=LinearConstraint(program.matrix, -inf, program.limit),
        options={"time_limit": max(0.05, seconds), "mip_rel_gap": 0.0},
    )
    bound = result.mip_dual_bound
    return Outcome(
        plan=None if result.x is None else program.plan(result.x),
        bound=None if bound is None or not np.isfinite(bound) else whole_points(-bound),
        impossible=result.status == _INFEASIBLE,
    )


def most_meals(problem: Problem, seconds: float) -> Outcome:
    """The plan that fills the most slots, `bound` being the number of slots any plan can fill."""
    program = build(problem, 0)
    meals = np.zeros(len(program.worth))
    meals[: len(program.cells)] = 1.0
    return search(replace(program, worth=meals), seconds)


def whole_points(bound: float) -> int:
    """A bound in whole points, never rounded below what floating point can vouch for."""
    return floor(bound + _TOLERANCE * max(1.0, abs(bound) / 1e4))


def _groups(problem: Problem) -> tuple[tuple[int, ...], ...]:
    """Slots in groups that no constraint, expiry or budget tells apart, each in order of time."""
    expiries = sorted({lot.expiry for stock in problem.stocks for lot in stock.lots})
    locked = {lock.day for lock in problem.locks}
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for slot in problem.slots:
        day = problem.day(slot)
        shared = problem.day_budgets[day] is not None and len(problem.meals) > 1
        groups[
            problem.meal(slot),
            bisect_left(expiries, day),
            problem.slot_budgets[slot],
            problem.day_budgets[day],
            day if shared or day in locked else None,
        ].append(slot)
    return tuple(tuple(group) for group in groups.values())


def _add_locks(layout: _Layout) -> None:
    problem = layout.problem
    for lock in problem.locks:
        terms = {
            place: -1.0
            for place in layout.of_dish[lock.dish]
            if layout.day(place) == lock.day
            and lock.meal in (None, problem.meal(layout.groups[layout.cells[place][1]][0]))
        }
        layout.row(terms, -1.0)


def _add_budgets(layout: _Layout) -> None:
    problem = layout.problem
    if len(problem.meals) == 1:
        return  # what fits the slot fits the day
    for day, budget in enumerate(problem.day_budgets):
        if budget is not None:
            terms = {
                place: float(problem.dishes[dish].minutes)
                for place, (dish, _) in enumerate(layout.cells)
                if layout.day(place) == day
            }
            layout.row(terms, budget, max(1, budget))


def _add_dishes(layout: _Layout) -> dict[int, int]:
    """A column a dish: whether it is cooked at all."""
    problem = layout.problem
    most = problem.max_repeats
    cooked: dict[int, int] = {}
    for dish, places in layout.of_dish.items():
        if not places:
            continue
        cooked[dish] = layout.column(problem.points.repeat if most > 1 else 0, 1, whole=most > 1)
        layout.row({**dict.fromkeys(places, 1.0), cooked[dish]: -float(most)}, 0.0)
        layout.row({**dict.fromkeys(places, -1.0), cooked[dish]: 1.0}, 0.0)
        if most > 1:  # each cooking costs a repeat, the first gets it back
            for place in places:
                layout.worth[place] -= problem.points.repeat
    return cooked


def _add_cuisines(layout: _Layout, cooked: dict[int, int]) -> None:
    problem = layout.problem
    of_cuisine: dict[str, list[int]] = defaultdict(list)
    for dish in cooked:
        if (cuisine := problem.dishes[dish].cuisine) is not None:
            of_cuisine[cuisine].append(dish)
    for members in of_cuisine.values():
        present = layout.column(problem.points.cuisine, 1, whole=False)
        places = [place for dish in members for place in layout.of_dish[dish]]
        layout.row({**dict.fromkeys(places, -1.0), present: 1.0}, 0.0)


def _needs(layout: _Layout, cooked: dict[int, int]) -> dict[int, list[tuple[int, int]]]:
    """For each stock the (dish, quantity) that take from it."""
    needs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for dish in cooked:
        for stock, quantity in layout.problem.dishes[dish].needs:
            needs[stock].append((dish, quantity))
    return needs


def _add_purchases(layout: _Layout, cooked: dict[int, int]) -> None:
    problem = layout.problem
    bought: dict[int, int] = {}
    for number, users in _needs(layout, cooked).items():
        stock = problem.stocks[number]
        days = [lot.expiry for lot in stock.lots if lot.expiry < problem.days - 1]
        for after in (-1, *days):
            left = sum(lot.quantity for lot in stock.lots if lot.expiry > after)
            slots = (problem.days - 1 - after) * len(problem.meals)
            amounts = sorted(
                (q for _, q in users for _ in range(problem.max_repeats)), reverse=True
            )
            if sum(amounts[:slots]) <= left:
                continue
            if stock.item not in bought:
                bought[stock.item] = layout.column(-problem.points.purchase, 1, whole=True)
            _add_shortage(layout, cooked, users, after, left, slots, bought[stock.item])
    if problem.max_items is not None:
        layout.row(dict.fromkeys(bought.values(), 1.0), problem.max_items)


def _add_shortage(
    layout: _Layout,
    cooked: dict[int, int],
    users: list[tuple[int, int]],
    after: int,
    left: int,
    slots: int,
    bought: int,
) -> None:
    """Cooking after day `after` from the quantity `left`, or the item is bought."""
    most = layout.problem.max_repeats
    small: dict[int, float] = {}
    amounts: list[int] = []
    for dish, quantity in users:
        late = [place for place in layout.of_dish[dish] if layout.day(place) > after]
        if quantity > left:
            if len(late) == len(layout.of_dish[dish]):
                layout.row({cooked[dish]: 1.0, bought: -1.0}, 0.0)
            elif late:
                layout.row({**dict.fromkeys(late, 1.0), bought: -float(most)}, 0.0)
        elif late:
            if most == 1 and len(late) == len(layout.of_dish[dish]):
                small[cooked[dish]] = quantity
            else:
                small.update(dict.fromkeys(late, float(quantity)))
            amounts.extend([quantity] * most)
    excess = sum(sorted(amounts, reverse=True)[:slots]) - left
    if excess > 0:
        layout.row({**small, bought: -float(excess)}, left, max(1, left))


def _add_rescues(layout: _Layout, cooked: dict[int, int]) -> None:
    problem = layout.problem
    for number, users in _needs(layout, cooked).items():
        stock = problem.stocks[number]
        taken: dict[int, float] = {}
        total = 0
        for lot, rate in zip(stock.lots, stock.rates, strict=True):
            if not rate:
                break
            total += lot.quantity
            taken[layout.column(float(rate * lot.quantity), 1, whole=False)] = lot.quantity
            uses: dict[int, float] = {}
            for dish, quantity in users:
                amount = -float(min(quantity, total))  # more than all there is saves no more
                early = [place for place in layout.of_dish[dish] if layout.day(place) <= lot.expiry]
                if problem.max_repeats == 1 and len(early) == len(layout.of_dish[dish]):
                    uses[cooked[dish]] = amount
                else:
                    uses.update(dict.fromkeys(early, amount))
            layout.row({**uses, **taken}, 0.0, total)
