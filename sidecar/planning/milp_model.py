"""The planning problem as a mixed 0-1 linear program.

Maximize the points subject to the request's constraints, with at least `meals` slots filled.

A column y[run] counts how often a dish is cooked in a run of interchangeable slots
(slot_classes.py), which removes the symmetry between days. Per item there is a 0-1 column b
(bought). Cooking after day t may use only what remains in lots that expire after t: for each stock
and each t where a lot expires (and t = -1)

    sum of quantity * y[runs after t]  -  M * b  <=  remaining after t

The share of each expiring lot that is used in time is a continuous column; rates fall with expiry,
so the optimum uses first-expiry-first-out by itself. Cuisines are continuous for the same reason.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from sidecar.planning.cutting_planes import KnapsackRow
from sidecar.planning.milp_builder import ProgramBuilder
from sidecar.planning.milp_solver import MilpProgram
from sidecar.planning.problem import Problem
from sidecar.planning.slot_classes import intervals, slot_classes, slot_runs


def build(problem: Problem, meals: int) -> MilpProgram:
    """Build the program of a problem with at least `meals` slots filled."""
    builder = _ProgramBuilder(problem)
    for columns in builder.columns_of_class.values():
        for inside, slots in intervals([builder.runs[column] for column in columns]):
            builder.add_row(dict.fromkeys((columns[number] for number in inside), 1.0), slots)
    builder.add_row(dict.fromkeys(range(len(builder.runs)), -1.0), -meals)
    _add_locks(builder)
    _add_budgets(builder)
    cooked = _add_dishes(builder)
    _add_cuisines(builder, cooked)
    if problem.weights.purchase or problem.max_items is not None:
        _add_purchases(builder, cooked)
    _add_rescues(builder, cooked)
    return builder.program()


class _ProgramBuilder(ProgramBuilder):
    """A builder whose runs are columns of their own, with their points."""

    def __init__(self, problem: Problem) -> None:
        classes = slot_classes(problem)
        super().__init__(problem, classes, tuple(slot_runs(problem, classes)))
        self.columns_of_class: dict[int, list[int]] = defaultdict(list)
        self.columns_of_dish: dict[int, list[int]] = defaultdict(list)
        for column, run in enumerate(self.runs):
            points = float(problem.meal_points(run.dish, self.slot(column)))
            limit = min(problem.max_repeats, run.last - run.first + 1)
            self.add_column(points, limit, integer=True)
            self.columns_of_class[run.slot_class].append(column)
            self.columns_of_dish[run.dish].append(column)

    def slot(self, column: int) -> int:
        """Return the first slot of a run, which stands for all of them."""
        run = self.runs[column]
        return self.classes[run.slot_class][run.first]

    def day(self, column: int) -> int:
        """Return the day of the first slot of a run."""
        return self.problem.day(self.slot(column))


def _add_locks(builder: _ProgramBuilder) -> None:
    for lock in builder.problem.locks:
        slots = builder.problem.lock_slots(lock)
        terms = {
            column: -1.0
            for column in builder.columns_of_dish[lock.dish]
            if builder.slot(column) in slots
        }
        builder.add_row(terms, -1.0)


def _add_budgets(builder: _ProgramBuilder) -> None:
    problem = builder.problem
    if len(problem.columns) == 1:
        return  # what fits the slot fits the day
    minutes: dict[int, dict[int, float]] = defaultdict(dict)
    for column, run in enumerate(builder.runs):
        minutes[builder.day(column)][column] = float(problem.dishes[run.dish].minutes)
    for day, budget in enumerate(problem.day_budgets):
        if budget is not None:  # the slots of such a day are classes of their own
            builder.add_row(minutes[day], budget, max(1, budget))


def _add_dishes(builder: _ProgramBuilder) -> dict[int, int]:
    """Add and return one column per dish: whether it is cooked at all."""
    problem = builder.problem
    limit = problem.max_repeats
    cooked: dict[int, int] = {}
    for dish, columns in builder.columns_of_dish.items():
        if not columns:
            continue
        points = problem.weights.repeat if limit > 1 else 0
        cooked[dish] = builder.add_column(points, 1, integer=limit > 1)
        builder.add_row({**dict.fromkeys(columns, 1.0), cooked[dish]: -float(limit)}, 0.0)
        builder.add_row({**dict.fromkeys(columns, -1.0), cooked[dish]: 1.0}, 0.0)
        if limit > 1:  # each cooking costs a repeat, which the first gets back
            for column in columns:
                builder.objective[column] -= problem.weights.repeat
    return cooked


def _add_cuisines(builder: _ProgramBuilder, cooked: Iterable[int]) -> None:
    problem = builder.problem
    by_cuisine: dict[str, list[int]] = defaultdict(list)
    for dish in cooked:
        if (cuisine := problem.dishes[dish].cuisine) is not None:
            by_cuisine[cuisine].extend(builder.columns_of_dish[dish])
    for columns in by_cuisine.values():
        present = builder.add_column(problem.weights.cuisine, 1, integer=False)
        builder.add_row({**dict.fromkeys(columns, -1.0), present: 1.0}, 0.0)


def _stock_users(problem: Problem, cooked: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """Return the (dish, quantity) pairs that need each stock."""
    users: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for dish in cooked:
        for stock, quantity in problem.dishes[dish].needs:
            users[stock].append((dish, quantity))
    return users


def _add_purchases(builder: _ProgramBuilder, cooked: dict[int, int]) -> None:
    problem = builder.problem
    bought: dict[int, int] = {}
    for number, users in _stock_users(problem, cooked).items():
        stock = problem.stocks[number]
        days = [lot.expiry for lot in stock.lots if lot.expiry < problem.days - 1]
        for after in (-1, *days):
            remaining = sum(lot.quantity for lot in stock.lots if lot.expiry > after)
            slots = (problem.days - 1 - after) * len(problem.columns)
            amounts = sorted(
                (q for _, q in users for _ in range(problem.max_repeats)), reverse=True
            )
            if sum(amounts[:slots]) <= remaining:
                continue
            if stock.item not in bought:
                bought[stock.item] = builder.add_column(-problem.weights.purchase, 1, integer=True)
            _add_knapsack(builder, cooked, users, after, remaining, slots, bought[stock.item])
    if problem.max_items is not None:
        builder.add_row(dict.fromkeys(bought.values(), 1.0), problem.max_items)


def _add_knapsack(
    builder: _ProgramBuilder,
    cooked: dict[int, int],
    users: list[tuple[int, int]],
    after: int,
    capacity: int,
    slots: int,
    bought: int,
) -> None:
    """Limit cooking after day `after` to `capacity`, unless the item is bought."""
    limit = builder.problem.max_repeats
    small: dict[int, float] = {}
    amounts: list[int] = []
    uses: list[tuple[list[int], int]] = []
    for dish, quantity in users:
        late = [column for column in builder.columns_of_dish[dish] if builder.day(column) > after]
        if not late:
            continue
        always_late = len(late) == len(builder.columns_of_dish[dish])
        columns = [cooked[dish]] if limit == 1 and always_late else late
        uses.append((columns, quantity))
        if quantity <= capacity:
            small.update(dict.fromkeys(columns, float(quantity)))
            amounts.extend([quantity] * limit)
        elif always_late:
            builder.add_row({cooked[dish]: 1.0, bought: -1.0}, 0.0)
        else:
            builder.add_row({**dict.fromkeys(late, 1.0), bought: -float(limit)}, 0.0)
    excess = sum(sorted(amounts, reverse=True)[:slots]) - capacity
    if excess > 0:
        builder.add_row({**small, bought: -float(excess)}, capacity, max(1, capacity))
        builder.knapsack_rows.append(
            KnapsackRow(
                columns=np.array([column for columns, _ in uses for column in columns], np.int64),
                owner=np.array(
                    [number for number, (columns, _) in enumerate(uses) for _ in columns], np.int64
                ),
                quantity=np.array([quantity for _, quantity in uses], float),
                max_uses=np.full(len(uses), float(limit)),
                capacity=float(capacity),
                bought=bought,
            )
        )


def _add_rescues(builder: _ProgramBuilder, cooked: dict[int, int]) -> None:
    problem = builder.problem
    for number, users in _stock_users(problem, cooked).items():
        stock = problem.stocks[number]
        taken: dict[int, float] = {}
        total = 0
        for lot, rate in zip(stock.lots, stock.rates, strict=True):
            if not rate:
                break
            total += lot.quantity
            share = builder.add_column(float(rate * lot.quantity), 1, integer=False)
            taken[share] = lot.quantity
            uses: dict[int, float] = {}
            for dish, quantity in users:
                amount = -float(min(quantity, total))  # more than the total saves no more
                columns = builder.columns_of_dish[dish]
                early = [column for column in columns if builder.day(column) <= lot.expiry]
                if problem.max_repeats == 1 and len(early) == len(columns):
                    early = [cooked[dish]]
                uses.update(dict.fromkeys(early, amount))
            builder.add_row({**uses, **taken}, 0.0, total)
