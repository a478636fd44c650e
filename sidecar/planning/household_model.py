"""The mixed 0-1 linear program where several people eat, with courses, prices and distances.

Days differ by who eats and by what was cooked before, so slots are not grouped into classes as in
milp_model.py. A column x[dish, slot] says who eats what. Where several slots of a sitting may take
a dish, a column c[dish, sitting] >= x says that it is cooked there; else x itself does. For each
stock and each day t after which it has less,

    sum of quantity * x[slots after t]  -  bought amount  <=  remaining after t

where the amount is 0 unless the item is bought; a package is an integer number of it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from sidecar.planning.cutting_planes import KnapsackRow
from sidecar.planning.milp_builder import ProgramBuilder
from sidecar.planning.milp_solver import MilpProgram
from sidecar.planning.nutrition import amount
from sidecar.planning.nutrition_cliques import add_cliques
from sidecar.planning.problem import Problem
from sidecar.planning.slot_classes import SlotRun

Uses = list[tuple[int, int, int]]  # (column, cooking day, quantity) of a stock


def build(problem: Problem, diners: int) -> MilpProgram:
    """Build the program of a problem in which at least `diners` people are fed, over all slots."""
    model = _HouseholdModel(problem)
    model.add_slots(diners)
    model.add_cookings()
    model.add_dishes()
    model.add_locks()
    model.add_minutes()
    model.add_nutrition()
    add_cliques(model.builder, problem, model.eaten, diners)
    model.add_stocks()
    indicators = np.array(model.recipes, np.int64), np.array([*model.bought.values()], np.int64)
    return replace(model.builder.program(), is_large=True, indicators=indicators)


class _HouseholdModel:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        runs = [
            SlotRun(dish, slot, 0, 0)
            for slot in problem.slots
            for dish in range(len(problem.dishes))
            if problem.fits(dish, slot)
        ]
        self.builder = ProgramBuilder(problem, tuple((slot,) for slot in problem.slots), runs)
        self.eaten: dict[tuple[int, int], int] = {}  # (dish, slot) -> column
        for column, run in enumerate(runs):
            self.eaten[run.dish, run.slot_class] = column
            self.builder.add_column(
                float(problem.meal_points(run.dish, run.slot_class)), 1, integer=True
            )
        self.stocks_of = Counter(stock.item for stock in problem.stocks)
        self.eaten_count = Counter(dish for dish, _ in self.eaten)
        self.cooked: dict[tuple[int, int], int] = {}  # (dish, sitting) -> column
        self.used: dict[int, int] = {}  # dish -> column
        self.recipes: list[int] = []  # the columns of the recipes that are cooked at all
        self.bought: dict[int, int] = {}  # item -> column

    def add_slots(self, diners: int) -> None:
        """At most one dish a slot; at least `diners` are fed."""
        by_slot: dict[int, list[int]] = defaultdict(list)
        for (_, slot), column in self.eaten.items():
            by_slot[slot].append(column)
        for columns in by_slot.values():
            self.builder.add_row(dict.fromkeys(columns, 1.0), 1)
        fed = {
            column: -float(self.problem.diners(slot)) for (_, slot), column in self.eaten.items()
        }
        self.builder.add_row(fed, -diners)

    def add_cookings(self) -> None:
        """A dish that anybody eats at a sitting is cooked there, for one course."""
        problem, builder = self.problem, self.builder
        slots: dict[tuple[int, int], list[int]] = defaultdict(list)
        for dish, slot in self.eaten:
            slots[dish, problem.sitting(slot)].append(slot)
        served: dict[tuple[int, str | None], list[int]] = defaultdict(list)
        for (dish, sitting), members in slots.items():
            by_course: dict[str | None, list[int]] = defaultdict(list)
            for slot in members:
                by_course[problem.column(slot).course].append(self.eaten[dish, slot])
            columns = {
                course: eaten[0] if len(eaten) == 1 else self._union(eaten)
                for course, eaten in by_course.items()
            }
            for course, column in columns.items():
                served[sitting, course].append(column)
            if len(columns) == 1:
                (self.cooked[dish, sitting],) = columns.values()
            else:
                self.cooked[dish, sitting] = self._union(list(columns.values()))
                builder.add_row(dict.fromkeys(columns.values(), 1.0), 1)
        for columns_of_service in served.values():
            if problem.people:
                extra = builder.add_column(
                    -problem.weights.extra_dish, len(columns_of_service), integer=False
                )
                builder.add_row({**dict.fromkeys(columns_of_service, 1.0), extra: -1.0}, 1)

    def _union(self, columns: list[int]) -> int:
        """Add a column that is 1 if any of these is, and 0 if none is."""
        union = self.builder.add_column(0, 1, integer=True)
        for column in columns:
            self.builder.add_row({column: 1.0, union: -1.0}, 0)
        self.builder.add_row({**dict.fromkeys(columns, -1.0), union: 1.0}, 0)
        return union

    def add_dishes(self) -> None:
        """Limit how often and how soon a dish is cooked again; add repeats and cuisines."""
        problem, builder = self.problem, self.builder
        sittings: dict[int, list[int]] = defaultdict(list)
        eaten: dict[int, list[int]] = defaultdict(list)  # recipe -> columns
        members: dict[int, list[tuple[int, int]]] = defaultdict(list)  # recipe -> its cookings
        for dish, sitting in sorted(self.cooked):
            eaten[problem.recipe(dish)].append(self.cooked[dish, sitting])
            if not problem.dishes[dish].age:
                sittings[dish].append(sitting)
                members[problem.recipe(dish)].append((dish, sitting))
        cuisines: dict[str, list[int]] = defaultdict(list)
        for recipe, cookings in members.items():
            columns = [self.cooked[cooking] for cooking in cookings]
            used = builder.add_column(problem.weights.repeat, 1, integer=True)
            self.recipes.append(used)
            for column in eaten[recipe]:
                builder.objective[column] -= problem.weights.repeat
            for column in columns:
                builder.add_row({column: 1.0, used: -1.0}, 0)
            builder.add_row({**dict.fromkeys(columns, -1.0), used: 1.0}, 0)
            builder.add_row({**dict.fromkeys(columns, 1.0), used: -float(problem.max_repeats)}, 0)
            self._add_distance(cookings, used)
            if (cuisine := problem.dishes[recipe].cuisine) is not None:
                cuisines[cuisine].append(used)
            versions = {dish for dish, _ in cookings}
            if len(versions) == 1:
                self.used[versions.pop()] = used
        self._add_leftovers(sittings)
        self._add_cooking_days(sittings)
        for columns in cuisines.values():
            present = builder.add_column(problem.weights.cuisine, 1, integer=False)
            builder.add_row({**dict.fromkeys(columns, -1.0), present: 1.0}, 0)

    def _add_leftovers(self, sittings: dict[int, list[int]]) -> None:
        """A leftover is of a dish that is cooked on its cooking day."""
        problem, width = self.problem, len(self.problem.meals)
        for (dish, sitting), column in self.cooked.items():
            if age := problem.dishes[dish].age:
                base, day = problem.base(dish), sitting // width - age
                fresh = [self.cooked[base, s] for s in sittings[base] if s // width == day]
                self.builder.add_row({**dict.fromkeys(fresh, -1.0), column: 1.0}, 0)

    def _add_cooking_days(self, sittings: dict[int, list[int]]) -> None:
        """Limit the days on which anything is cooked."""
        problem = self.problem
        if problem.max_cooking_days is None:
            return
        days = [self.builder.add_column(0, 1, integer=True) for _ in range(problem.days)]
        self.builder.add_row(dict.fromkeys(days, 1.0), problem.max_cooking_days)
        for dish, members in sittings.items():
            for sitting in members:
                column = self.cooked[dish, sitting]
                self.builder.add_row({column: 1.0, days[sitting // len(problem.meals)]: -1.0}, 0)

    def _add_distance(self, cookings: list[tuple[int, int]], used: int) -> None:
        """Allow one of a recipe's cookings in any `min_distance` days."""
        problem, width = self.problem, len(self.problem.meals)
        if not problem.min_distance or problem.max_repeats == 1:
            return
        for first in sorted({sitting // width for _, sitting in cookings}):
            last = first + problem.min_distance
            window = [self.cooked[c] for c in cookings if first <= c[1] // width < last]
            if len(window) > 1:
                self.builder.add_row({**dict.fromkeys(window, 1.0), used: -1.0}, 0)

    def add_locks(self) -> None:
        """A locked dish is in a slot of its meal or day."""
        for lock in self.problem.locks:
            columns = [
                self.eaten[lock.dish, slot]
                for slot in self.problem.lock_slots(lock)
                if (lock.dish, slot) in self.eaten
            ]
            self.builder.add_row(dict.fromkeys(columns, -1.0), -1)

    def add_minutes(self) -> None:
        """Limit the minutes of each sitting and day."""
        problem = self.problem
        days: dict[int, dict[int, float]] = defaultdict(dict)
        sittings: dict[int, dict[int, float]] = defaultdict(dict)
        for (dish, sitting), column in self.cooked.items():
            minutes = float(problem.dishes[dish].minutes)
            sittings[sitting][column] = minutes
            days[sitting // len(problem.meals)][column] = minutes
        for terms, budgets in ((sittings, problem.sitting_budgets), (days, problem.day_budgets)):
            for number, budget in enumerate(budgets):
                if budget is not None:
                    self.builder.add_row(terms[number], budget, max(1, budget))

    def add_nutrition(self) -> None:
        """Bound the sums of nutrients; an open slot makes up for a minimum."""
        problem, builder = self.problem, self.builder
        by_slot: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for (dish, slot), column in self.eaten.items():
            by_slot[slot].append((column, dish))
        for limit in problem.limits:
            terms = {
                column: float(amount(problem, limit, dish))
                for slot in limit.slots
                for column, dish in by_slot[slot]
            }
            if (maximum := limit.maximum) is not None:
                above = self._deviation(maximum, terms) if limit.soft else {}
                builder.add_row({**terms, **above}, float(maximum), float(maximum))
            if (minimum := limit.minimum) is None:
                continue
            low = float(minimum)
            if limit.soft:
                below = {column: -value for column, value in terms.items()}
                builder.add_row({**below, **self._deviation(minimum, {})}, -low, low)
            else:
                rest = {column: low - value for column, value in terms.items()}
                builder.add_row(rest, low * (len(limit.slots) - 1), low)

    def _deviation(self, bound: Fraction, terms: Mapping[int, float]) -> dict[int, float]:
        """Return the term of a column for what is missed of a soft bound, in parts of it."""
        most = max(1.0, sum(terms.values()) / float(bound))
        column = self.builder.add_column(-self.problem.weights.nutrition, most, integer=False)
        return {column: -float(bound)}

    def add_stocks(self) -> None:
        """Buy what is not at home, and count what is used before it expires."""
        problem, builder = self.problem, self.builder
        uses: dict[int, Uses] = defaultdict(list)
        for (dish, slot), column in self.eaten.items():
            for stock, quantity in problem.needs(dish, slot):
                uses[stock].append((column, problem.cooking_day(dish, slot), quantity))
        bought = self.bought
        costs: dict[int, float] = {}
        for stock, members in uses.items():
            self._add_purchase(stock, members, costs)
            self._add_rescues(stock, members)
        if problem.max_items is not None:
            builder.add_row(dict.fromkeys(bought.values(), 1.0), problem.max_items)
        if problem.budget is not None:
            budget = float(problem.budget)
            builder.add_row(costs, budget, max(1.0, budget))
        for column, price in costs.items():
            builder.objective[column] -= float(problem.weights.cost) * price

    def _add_purchase(self, number: int, uses: Uses, costs: dict[int, float]) -> None:
        problem, builder, bought = self.problem, self.builder, self.bought
        stock = problem.stocks[number]
        days = sorted({-1, *(lot.expiry for lot in stock.lots if lot.expiry < problem.days - 1)})
        most = self._most_missing(number, uses, days)
        if most <= 0:
            return
        if stock.item not in bought:
            bought[stock.item] = builder.add_column(-problem.weights.purchase, 1, integer=True)
        item = bought[stock.item]
        paid = bool(stock.price) and (problem.budget is not None or bool(problem.weights.cost))
        amount = builder.add_column(0, 1, integer=False) if paid else None  # a share of `most`
        if amount is not None:
            builder.add_row({amount: 1.0, item: -1.0}, 0)
            self._add_price(number, amount, item, most, costs)
        for after in days:
            remaining = sum(lot.quantity for lot in stock.lots if lot.expiry > after)
            late = [(column, quantity) for column, day, quantity in uses if day > after]
            excess = min(most, sum(quantity for _, quantity in late) - remaining)
            if excess <= 0:
                continue
            terms: dict[int, float] = defaultdict(float)
            for column, quantity in late:
                terms[column] += quantity
            if amount is not None:
                builder.add_row({**terms, amount: -float(most)}, remaining, max(1, remaining))
            else:
                builder.add_row({**terms, item: -float(excess)}, remaining, max(1, remaining))
            self._strengthen(late, remaining, item)

    def _add_price(
        self, number: int, amount: int, item: int, most: int, costs: dict[int, float]
    ) -> None:
        stock = self.problem.stocks[number]
        price = float(stock.price or 0)
        if not stock.package:
            costs[amount] = price * most
            return
        limit = -(-most // stock.package)
        count = self.builder.add_column(0, limit, integer=True)
        if self.stocks_of[stock.item] == 1:  # what is bought at all is one package at least
            self.builder.add_row({item: 1.0, count: -1.0}, 0)
        self.builder.add_row({amount: float(most), count: -float(stock.package)}, 0, stock.package)
        costs[count] = price * stock.package

    def _strengthen(self, late: list[tuple[int, int]], remaining: int, item: int) -> None:
        """Add what the relaxation doesn't see: a dish that needs too much alone forces a purchase.

        So does a service of such a dish, whose columns exclude each other.
        """
        builder = self.builder
        small: list[tuple[int, int]] = []
        by_slot: dict[int, list[int]] = defaultdict(list)
        for column, quantity in late:
            if quantity > remaining:
                by_slot[builder.runs[column].slot_class].append(column)
            else:
                small.append((column, quantity))
        for columns in by_slot.values():
            builder.add_row({**dict.fromkeys(columns, 1.0), item: -1.0}, 0)
        by_dish: dict[int, list[int]] = defaultdict(list)
        for columns in by_slot.values():
            for column in columns:
                by_dish[builder.runs[column].dish].append(column)
        for dish, columns in by_dish.items():
            if dish in self.used and len(columns) == self.eaten_count[dish]:
                builder.add_row({self.used[dish]: 1.0, item: -1.0}, 0)
        if small and sum(quantity for _, quantity in small) > remaining > 0:
            columns_of = [column for column, _ in late]
            builder.knapsack_rows.append(
                KnapsackRow(
                    columns=np.array(columns_of, np.int64),
                    owner=np.arange(len(columns_of)),
                    quantity=np.array([quantity for _, quantity in late], float),
                    max_uses=np.ones(len(columns_of)),
                    capacity=float(remaining),
                    bought=item,
                    groups=np.array([builder.runs[column].slot_class for column in columns_of]),
                )
            )

    def _most_missing(self, number: int, uses: Uses, days: list[int]) -> int:
        """Return a bound on what is missing of a stock: each slot takes its worst dish."""
        lots = self.problem.stocks[number].lots
        most = 0
        for after in days:
            largest: dict[int, int] = defaultdict(int)
            for column, day, quantity in uses:
                if day > after:
                    slot = self.builder.runs[column].slot_class
                    largest[slot] = max(largest[slot], quantity)
            remaining = sum(lot.quantity for lot in lots if lot.expiry > after)
            most = max(most, sum(largest.values()) - remaining)
        return most

    def _add_rescues(self, number: int, uses: Uses) -> None:
        stock = self.problem.stocks[number]
        taken: dict[int, float] = {}
        total = 0
        for lot, rate in zip(stock.lots, stock.rates, strict=True):
            if not rate:
                break
            total += lot.quantity
            share = self.builder.add_column(float(rate * lot.quantity), 1, integer=False)
            taken[share] = lot.quantity
            terms: dict[int, float] = defaultdict(float)
            for column, day, quantity in uses:
                if day <= lot.expiry:
                    terms[column] -= float(min(quantity, total))
            self.builder.add_row({**terms, **taken}, 0.0, total)
