"""The planning problem as a mixed 0-1 linear program.

maximise  worth   subject to   the request's constraints, at least `meals` slots filled.

A column y[cell] counts how often a dish is cooked in a run of slots that are alike to it (see
cells.py), which removes the symmetry between such days. Per item there is a 0-1 column b (bought).
Cooking after day t may use only what is left in lots that expire after t: for each stock and each
t where a lot expires (and t = -1)

    sum of quantity * y[cells after t]  -  M * b  <=  left after t

The share of each expiring lot that is used in time is a continuous column; rates fall with expiry,
so the optimum takes first-expiry-first-out by itself. Cuisines are continuous for the same reason.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from sidecar.planning.cutting_planes import KnapsackRow
from sidecar.planning.milp_solver import MilpProgram, MilpResult, search
from sidecar.planning.problem import Problem
from sidecar.planning.slot_classes import classes, crowds, slot_runs


def build(problem: Problem, meals: int) -> MilpProgram:
    """The program of a problem with at least `meals` slots filled."""
    layout = _Layout(problem)
    for places in layout.of_class.values():
        for inside, slots in crowds([layout.cells[place] for place in places]):
            layout.row(dict.fromkeys((places[number] for number in inside), 1.0), slots)
    layout.row(dict.fromkeys(range(len(layout.cells)), -1.0), -meals)
    _add_locks(layout)
    _add_budgets(layout)
    cooked = _add_dishes(layout)
    _add_cuisines(layout, cooked)
    if problem.points.purchase or problem.max_items is not None:
        _add_purchases(layout, cooked)
    _add_rescues(layout, cooked)
    return MilpProgram(
        problem=problem,
        classes=layout.classes,
        cells=layout.cells,
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
        shortages=tuple(layout.shortages),
    )


def most_meals(problem: Problem, seconds: float) -> MilpResult:
    """The plan that fills the most slots, `bound` being the number of slots any plan can fill."""
    program = build(problem, 0)
    meals = np.zeros(len(program.worth))
    meals[: len(program.cells)] = 1.0
    return search(replace(program, worth=meals), seconds)


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
        self.classes = classes(problem)
        self.cells = tuple(slot_runs(problem, self.classes))
        self.shortages: list[KnapsackRow] = []
        self.of_class: dict[int, list[int]] = defaultdict(list)
        self.of_dish: dict[int, list[int]] = defaultdict(list)
        for place, cell in enumerate(self.cells):
            points = problem.meal_points(cell.dish, self.slot(place))
            self.column(points, min(problem.max_repeats, cell.size), whole=True)
            self.of_class[cell.of].append(place)
            self.of_dish[cell.dish].append(place)

    def slot(self, place: int) -> int:
        """The first slot of a cell; to its dish the others are like it."""
        cell = self.cells[place]
        return self.classes[cell.of][cell.first]

    def day(self, place: int) -> int:
        """The day of the first slot of a cell."""
        return self.problem.day(self.slot(place))


def _add_locks(layout: _Layout) -> None:
    problem = layout.problem
    for lock in problem.locks:
        terms = {
            place: -1.0
            for place in layout.of_dish[lock.dish]
            if layout.day(place) == lock.day
            and lock.meal in (None, problem.meal(layout.slot(place)))
        }
        layout.row(terms, -1.0)


def _add_budgets(layout: _Layout) -> None:
    problem = layout.problem
    if len(problem.meals) == 1:
        return  # what fits the slot fits the day
    minutes: dict[int, dict[int, float]] = defaultdict(dict)
    for place, cell in enumerate(layout.cells):
        minutes[layout.day(place)][place] = float(problem.dishes[cell.dish].minutes)
    for day, budget in enumerate(problem.day_budgets):
        if budget is not None:  # such a day's slots are classes of their own
            layout.row(minutes[day], budget, max(1, budget))


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
    uses: list[tuple[list[int], int]] = []
    for dish, quantity in users:
        late = [place for place in layout.of_dish[dish] if layout.day(place) > after]
        if late:
            whole = most == 1 and len(late) == len(layout.of_dish[dish])
            uses.append(([cooked[dish]] if whole else late, quantity))
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
        layout.shortages.append(
            KnapsackRow(
                columns=np.array([place for places, _ in uses for place in places], np.int64),
                owner=np.array(
                    [number for number, (places, _) in enumerate(uses) for _ in places], np.int64
                ),
                quantity=np.array([quantity for _, quantity in uses], float),
                most=np.full(len(uses), float(most)),
                left=float(left),
                bought=bought,
            )
        )


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
