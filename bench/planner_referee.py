"""OR-tools CP-SAT as the referee: optima by another solver and another formulation.

Reads a JSON list of problems from stdin and prints a JSON list of [meals, points], with null for a
problem without a plan. It imports nothing of the service, so that it can run in its own environment
(`pip install ortools`): ortools pins another protobuf than the service needs.
"""

import json
import sys
from typing import Any

from ortools.sat.python import cp_model

SCALE = 10**9  # units per point


def optimum(problem: dict[str, Any]) -> list[float] | None:
    """Return the maximum number of meals, and the maximum points with that many meals.

    Food is allocated lot by lot.
    """
    model = cp_model.CpModel()
    slots, width = problem["slots"], problem["width"]
    cook = {
        (dish["id"], slot): model.new_bool_var(f"{dish['id']} {slot}")
        for dish in problem["dishes"]
        for slot in range(slots)
        if slot in dish["slots"]
    }
    meals = sum(cook.values())
    terms = []
    for slot in range(slots):
        model.add(sum(var for (_, other), var in cook.items() if other == slot) <= 1)
    for dish in problem["dishes"]:
        times = [var for (other, _), var in cook.items() if other == dish["id"]]
        model.add(sum(times) <= problem["max_repeats"])
        used = model.new_bool_var(f"used {dish['id']}")
        model.add(sum(times) >= used)
        terms.append(problem["repeat"] * SCALE * (used - sum(times)))
        for slot, points in zip(dish["slots"], dish["points"], strict=True):
            terms.append(points * SCALE * cook[dish["id"], slot])
    minutes = {dish["id"]: dish["minutes"] for dish in problem["dishes"]}
    for day, budget in enumerate(problem["day_budgets"]):
        if budget is not None:
            today = [(d, var) for (d, slot), var in cook.items() if slot // width == day]
            model.add(sum(minutes[d] * var for d, var in today) <= budget)
    for lock in problem["locks"]:
        model.add(
            sum(cook[lock["dish"], s] for s in lock["slots"] if (lock["dish"], s) in cook) >= 1
        )
    for cuisine in sorted({dish["cuisine"] for dish in problem["dishes"] if dish["cuisine"]}):
        present = model.new_bool_var(cuisine)
        members = {dish["id"] for dish in problem["dishes"] if dish["cuisine"] == cuisine}
        model.add(sum(var for (dish, _), var in cook.items() if dish in members) >= present)
        terms.append(problem["cuisine"] * SCALE * present)
    bought: dict[int, cp_model.IntVar] = {}
    for number, stock in enumerate(problem["stocks"]):
        item = bought.setdefault(stock["item"], model.new_bool_var(f"buy {stock['item']}"))
        needs = {
            dish["id"]: dict(map(tuple, dish["needs"])).get(number, 0) for dish in problem["dishes"]
        }
        taken: list[list[cp_model.IntVar]] = [[] for _ in stock["lots"]]
        for day in range(slots // width):
            use = sum(needs[d] * var for (d, slot), var in cook.items() if slot // width == day)
            max_use = width * max(needs.values(), default=0)
            parts = []
            for lot, (expiry, quantity, _) in enumerate(stock["lots"]):
                if expiry >= day:
                    parts.append(model.new_int_var(0, min(quantity, max_use), ""))
                    taken[lot].append(parts[-1])
            extra = model.new_int_var(0, max_use, "")
            model.add(extra <= max_use * item)
            model.add(sum(parts) + extra == use)
        for lot, (_, quantity, rate) in enumerate(stock["lots"]):
            model.add(sum(taken[lot]) <= quantity)
            terms.append(rate * sum(taken[lot]))
    if problem["max_items"] is not None:
        model.add(sum(bought.values()) <= problem["max_items"])
    terms.append(-problem["purchase"] * SCALE * sum(bought.values()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    model.maximize(meals)
    if solver.solve(model) != cp_model.OPTIMAL or solver.objective_value < 1:
        return None
    max_meals = round(solver.objective_value)
    model.add(meals == max_meals)
    model.maximize(sum(terms))
    if solver.solve(model) != cp_model.OPTIMAL:
        raise RuntimeError("the referee could not prove its optimum")
    return [max_meals, solver.objective_value / SCALE]


if __name__ == "__main__":
    print(json.dumps([optimum(problem) for problem in json.load(sys.stdin)]))
