"""OR-tools CP-SAT as the referee: optima by another solver and another formulation.

Reads a JSON list of problems from stdin and prints a JSON list of [people fed, points], with null
for a problem without a plan. It imports nothing of the service, so that it can run in its own
environment (`pip install ortools`): ortools pins another protobuf than the service needs.
"""

import json
import sys
from collections import defaultdict
from itertools import combinations
from typing import Any

from ortools.sat.python import cp_model

SCALE = 10**9  # units per point, and per unit of the currency


def optimum(problem: dict[str, Any]) -> list[float] | None:
    """Return the maximum number of people fed, and the maximum points with that many."""
    referee = _Referee(problem)
    referee.add_dishes()
    referee.add_leftovers()
    referee.add_locks()
    referee.add_nutrition()
    referee.add_stocks()
    return referee.optimum()


class _Referee:
    """Food is allocated lot by lot; eat[dish, slot] says who eats what."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        self.model = cp_model.CpModel()
        self.terms: list[Any] = []  # points
        self.eat = {
            (dish["id"], slot["id"]): self.model.new_bool_var(f"{dish['id']} {slot['id']}")
            for dish in problem["dishes"]
            for slot in problem["slots"]
            if str(slot["id"]) in dish["at"]
        }
        self.dishes = {dish["id"]: dish for dish in problem["dishes"]}
        self.slots = {slot["id"]: slot for slot in problem["slots"]}
        self.fed = sum(self.slots[slot]["diners"] * var for (_, slot), var in self.eat.items())
        for slot in self.slots:
            self.model.add(sum(var for (_, other), var in self.eat.items() if other == slot) <= 1)
        for (dish, slot), var in self.eat.items():
            self.terms.append(self.dishes[dish]["at"][str(slot)]["points"] * var)

    def any_of(self, variables: list[Any]) -> Any:
        """Return a variable that is 1 if and only if one of these is."""
        result = self.model.new_bool_var("")
        self.model.add_max_equality(result, variables or [0])
        return result

    def add_dishes(self) -> None:
        """Cook a dish once for a sitting; limit minutes, repeats and their distance."""
        problem, model = self.problem, self.model
        served: dict[tuple[int, int], list[Any]] = defaultdict(list)
        courses: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
        for (dish, slot), var in self.eat.items():
            served[dish, self.slots[slot]["sitting"]].append(var)
            courses[dish, self.slots[slot]["sitting"], self.slots[slot]["course"]].append(var)
        self.at_sitting = {key: self.any_of(variables) for key, variables in served.items()}
        at_course = {key: self.any_of(variables) for key, variables in courses.items()}
        for dish, sitting in self.at_sitting:
            same = [var for key, var in at_course.items() if key[:2] == (dish, sitting)]
            model.add(sum(same) <= 1)
        for service in {key[1:] for key in at_course}:
            count = sum(var for key, var in at_course.items() if key[1:] == service)
            extra = model.new_int_var(0, len(at_course), "")
            model.add(extra >= count - 1)
            self.terms.append(-problem["extra_dish"] * SCALE * extra)
        for sitting, limit in enumerate(problem["sitting_budgets"]):
            if limit is not None:
                model.add(self._minutes(lambda s, this=sitting: s == this) <= limit)
        width = problem["meals"]
        for day, limit in enumerate(problem["day_budgets"]):
            if limit is not None:
                model.add(self._minutes(lambda s, this=day: s // width == this) <= limit)
        for recipe in {dish["recipe"] for dish in problem["dishes"]}:
            same = [(k, v) for k, v in self.at_sitting.items() if self._is_of(k[0], recipe)]
            eaten = [var for _, var in same]
            fresh = [(k[1], var) for k, var in same if not self.dishes[k[0]]["age"]]
            model.add(sum(var for _, var in fresh) <= problem["max_repeats"])
            for (first, one), (second, other) in combinations(fresh, 2):
                if abs(second // width - first // width) < problem["distance"]:
                    model.add(one + other <= 1)
            used = self.any_of(eaten)
            self.terms.append(problem["repeat"] * SCALE * (used - sum(eaten)))
        for cuisine in sorted({dish["cuisine"] for dish in problem["dishes"] if dish["cuisine"]}):
            members = {dish["id"] for dish in problem["dishes"] if dish["cuisine"] == cuisine}
            present = self.any_of([var for (dish, _), var in self.eat.items() if dish in members])
            self.terms.append(problem["cuisine"] * SCALE * present)

    def _is_of(self, dish: int, recipe: int) -> bool:
        return bool(self.dishes[dish]["recipe"] == recipe)

    def _minutes(self, includes: Any) -> Any:
        return sum(
            self.dishes[dish]["minutes"] * var
            for (dish, sitting), var in self.at_sitting.items()
            if includes(sitting)
        )

    def add_leftovers(self) -> None:
        """A leftover was cooked on its day; only some days are for cooking."""
        problem, width = self.problem, self.problem["meals"]
        for (dish, sitting), var in self.at_sitting.items():
            age, base = self.dishes[dish]["age"], self.dishes[dish]["base"]
            if age:
                day = sitting // width - age
                fresh = [
                    other
                    for (d, s), other in self.at_sitting.items()
                    if d == base and s // width == day
                ]
                self.model.add(var <= sum(fresh))
        if problem["cooking_days"] is not None:
            days: dict[int, list[Any]] = defaultdict(list)
            for (dish, sitting), var in self.at_sitting.items():
                if not self.dishes[dish]["age"]:
                    days[sitting // width].append(var)
            self.model.add(sum(map(self.any_of, days.values())) <= problem["cooking_days"])

    def add_locks(self) -> None:
        """A locked dish is in one of its slots."""
        for lock in self.problem["locks"]:
            keys = [(lock["dish"], slot) for slot in lock["slots"]]
            self.model.add(sum(self.eat[key] for key in keys if key in self.eat) >= 1)

    def add_nutrition(self) -> None:
        """Bound the sums of nutrients; a minimum holds if every slot is filled."""
        for limit in self.problem["limits"]:
            members = [(key, var) for key, var in self.eat.items() if key[1] in limit["slots"]]
            eaten = sum(limit["amounts"][str(dish)] * var for (dish, _), var in members)
            most = sum(max(limit["amounts"].values(), default=0) for _ in limit["slots"])
            for sign, bound in ((1, limit["maximum"]), (-1, limit["minimum"])):
                if bound is None:
                    continue
                if limit["soft"]:
                    missed = self.model.new_int_var(0, most + bound, "")
                    self.model.add(missed >= sign * (eaten - bound))
                    rate = self.problem["nutrition"] * SCALE // bound
                    self.terms.append(-rate * missed)
                elif sign == 1:
                    self.model.add(eaten <= bound)
                else:
                    is_open = len(limit["slots"]) - sum(var for _, var in members)
                    self.model.add(eaten + bound * is_open >= bound)

    def add_stocks(self) -> None:
        """Take food from lots that have not expired, or buy it."""
        problem, model = self.problem, self.model
        bought: dict[int, Any] = {}
        costs = []
        for number, stock in enumerate(problem["stocks"]):
            item = bought.setdefault(stock["item"], model.new_bool_var(""))
            taken: list[list[Any]] = [[] for _ in stock["lots"]]
            uses: dict[int, list[Any]] = defaultdict(list)
            largest: dict[int, int] = defaultdict(int)
            for (dish, slot), var in self.eat.items():
                quantity = dict(map(tuple, self.dishes[dish]["at"][str(slot)]["needs"])).get(number)
                if quantity:
                    day = self.slots[slot]["day"] - self.dishes[dish]["age"]
                    uses[day].append(quantity * var)
                    largest[day] += quantity
            extras = []
            for day, members in uses.items():
                parts = []
                for lot, (expiry, quantity, _) in enumerate(stock["lots"]):
                    if expiry >= day:
                        parts.append(model.new_int_var(0, min(quantity, largest[day]), ""))
                        taken[lot].append(parts[-1])
                extras.append(model.new_int_var(0, largest[day], ""))
                model.add(extras[-1] <= largest[day] * item)
                model.add(sum(parts) + extras[-1] == sum(members))
            for lot, (_, quantity, rate) in enumerate(stock["lots"]):
                model.add(sum(taken[lot]) <= quantity)
                self.terms.append(rate * sum(taken[lot]))
            if stock["price"] and extras:
                amount = sum(extras)
                if package := stock["package"]:
                    count = model.new_int_var(0, sum(largest.values()) // package + 1, "")
                    model.add(count * package >= amount)
                    amount = count * package
                costs.append(stock["price"] * amount)
        if problem["max_items"] is not None:
            model.add(sum(bought.values()) <= problem["max_items"])
        if problem["budget"] is not None and costs:
            model.add(sum(costs) <= problem["budget"])
        if problem["cost"] and costs:
            self.terms.append(-problem["cost"] * _rounded(model, sum(costs)))
        self.terms.append(-problem["purchase"] * SCALE * sum(bought.values()))

    def optimum(self) -> list[float] | None:
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 2
        self.model.maximize(self.fed)
        if solver.solve(self.model) != cp_model.OPTIMAL or solver.objective_value < 1:
            return None
        most = round(solver.objective_value)
        self.model.add(self.fed == most)
        self.model.maximize(sum(self.terms))
        if solver.solve(self.model) != cp_model.OPTIMAL:
            raise RuntimeError("the referee could not prove its optimum")
        return [most, solver.objective_value / SCALE]


def _rounded(model: Any, cost: Any) -> Any:
    """Return a cost in millionths of the currency, so that points of it stay within 64 bits."""
    rounded = model.new_int_var(0, 10**12, "")
    model.add(rounded * (SCALE // 10**6) >= cost)
    return rounded


if __name__ == "__main__":
    print(json.dumps([optimum(problem) for problem in json.load(sys.stdin)]))
