"""OR-tools CP-SAT as the referee: the optimum of problems, by another solver and formulation.

Reads a JSON list of problems from stdin and prints a JSON list of [meals, points], null where there
is no plan. It imports nothing of the service, so that it can run in an environment of its own
(`pip install ortools`), which pins another protobuf than the service needs.
"""

import json
import sys
from typing import Any

from ortools.sat.python import cp_model

SCALE = 10**9  # of a point


def optimum(problem: dict[str, Any]) -> list[float] | None:
    """The most meals and the most points with so many meals; food is allotted lot by lot."""
    model = cp_model.CpModel()
    slots, width = problem["slots"], problem["width"]
    cook = {
        (dish["id"], slot): model.new_bool_var(f"{dish['id']} {slot}")
        for dish in problem["dishes"]
        for slot in range(slots)
        if slot in dish["slots"]
    }
    meals = sum(cook.values())
    worth = []
    for slot in range(slots):
        model.add(sum(here for (_, place), here in cook.items() if place == slot) <= 1)
    for dish in problem["dishes"]:
        times = [here for (other, _), here in cook.items() if other == dish["id"]]
        model.add(sum(times) <= problem["max_repeats"])
        used = model.new_bool_var(f"used {dish['id']}")
        model.add(sum(times) >= used)
        worth.append(problem["repeat"] * SCALE * (used - sum(times)))
        for slot, points in zip(dish["slots"], dish["points"], strict=True):
            worth.append(points * SCALE * cook[dish["id"], slot])
    minutes = {dish["id"]: dish["minutes"] for dish in problem["dishes"]}
    for day, budget in enumerate(problem["day_budgets"]):
        if budget is not None:
            today = [(d, here) for (d, slot), here in cook.items() if slot // width == day]
            model.add(sum(minutes[d] * here for d, here in today) <= budget)
    for lock in problem["locks"]:
        model.add(
            sum(cook[lock["dish"], s] for s in lock["slots"] if (lock["dish"], s) in cook) >= 1
        )
    for cuisine in sorted({dish["cuisine"] for dish in problem["dishes"] if dish["cuisine"]}):
        present = model.new_bool_var(cuisine)
        members = {dish["id"] for dish in problem["dishes"] if dish["cuisine"] == cuisine}
        model.add(sum(here for (dish, _), here in cook.items() if dish in members) >= present)
        worth.append(problem["cuisine"] * SCALE * present)
    bought: dict[int, cp_model.IntVar] = {}
    for number, stock in enumerate(problem["stocks"]):
        item = bought.setdefault(stock["item"], model.new_bool_var(f"buy {stock['item']}"))
        needs = {
            dish["id"]: dict(map(tuple, dish["needs"])).get(number, 0) for dish in problem["dishes"]
        }
        taken: list[list[cp_model.IntVar]] = [[] for _ in stock["lots"]]
        for day in range(slots // width):
            use = sum(needs[d] * here for (d, slot), here in cook.items() if slot // width == day)
            most = width * max(needs.values(), default=0)
            parts = []
            for place, (expiry, quantity, _) in enumerate(stock["lots"]):
                if expiry >= day:
                    parts.append(model.new_int_var(0, min(quantity, most), ""))
                    taken[place].append(parts[-1])
            extra = model.new_int_var(0, most, "")
            model.add(extra <= most * item)
            model.add(sum(parts) + extra == use)
        for place, (_, quantity, rate) in enumerate(stock["lots"]):
            model.add(sum(taken[place]) <= quantity)
            worth.append(rate * sum(taken[place]))
    if problem["max_items"] is not None:
        model.add(sum(bought.values()) <= problem["max_items"])
    worth.append(-problem["purchase"] * SCALE * sum(bought.values()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    model.maximize(meals)
    if solver.solve(model) != cp_model.OPTIMAL or solver.objective_value < 1:
        return None
    most_meals = round(solver.objective_value)
    model.add(meals == most_meals)
    model.maximize(sum(worth))
    if solver.solve(model) != cp_model.OPTIMAL:
        raise RuntimeError("the referee could not prove its optimum")
    return [most_meals, solver.objective_value / SCALE]


if __name__ == "__main__":
    print(json.dumps([optimum(problem) for problem in json.load(sys.stdin)]))
