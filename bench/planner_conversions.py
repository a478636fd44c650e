"""Converts answers to plans, and problems to the referee's JSON, for bench/planner.py."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from sidecar.planning.nutrition import amount
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.response import Meal

_SCALE = 10**9
_NUTRIENT_SCALE = 10**4


def plan_of(problem: Problem, meals: Sequence[Meal]) -> Plan:
    """Return the plan that an answer describes."""
    dishes = {
        (dish.id, dish.age, tuple(s.ingredient_id for s in dish.substitutions)): number
        for number, dish in enumerate(problem.dishes)
    }
    swaps = {
        (meal.date, meal.recipe_id): tuple(s.ingredient_id for s in meal.substitutes)
        for meal in meals
        if meal.cooked_on is None
    }
    plan = [OPEN] * len(problem.slots)
    for meal in meals:
        day = date.fromisoformat(meal.date)
        cooked_on = date.fromisoformat(meal.cooked_on) if meal.cooked_on else day
        for slot in problem.day_slots(meal.day_index):
            column = problem.column(slot)
            people = {problem.people[person].id for person in column.people}
            if (
                problem.meals[column.meal] == meal.meal_type
                and column.course == meal.course
                and people <= set(meal.feeds)
                and slot not in problem.closed
            ):
                swapped = tuple(s.ingredient_id for s in meal.substitutes)
                if meal.cooked_on:
                    swapped = swaps[meal.cooked_on, meal.recipe_id]
                plan[slot] = dishes[meal.recipe_id, (day - cooked_on).days, swapped]
    return tuple(plan)


def for_referee(problem: Problem) -> dict[str, Any]:
    """Convert a problem to JSON; lots are (expiry, quantity, rate)."""
    courses = sorted({column.course or "" for column in problem.columns})
    return {
        "meals": len(problem.meals),
        "slots": [
            {
                "id": slot,
                "day": problem.day(slot),
                "sitting": problem.sitting(slot),
                "course": courses.index(problem.column(slot).course or ""),
                "diners": problem.diners(slot),
            }
            for slot in problem.slots
            if slot not in problem.closed
        ],
        "dishes": [_dish(problem, number) for number in range(len(problem.dishes))],
        "stocks": [
            {
                "item": stock.item,
                "lots": [
                    (lot.expiry, lot.quantity, int(rate * _SCALE))
                    for lot, rate in zip(stock.lots, stock.rates, strict=True)
                ],
                "price": int((stock.price or 0) * _SCALE),
                "package": stock.package,
            }
            for stock in problem.stocks
        ],
        "day_budgets": problem.day_budgets,
        "sitting_budgets": problem.sitting_budgets,
        "locks": [{"dish": lock.dish, "slots": problem.lock_slots(lock)} for lock in problem.locks],
        "limits": [
            {
                "slots": limit.slots,
                "minimum": _nutrient(limit.minimum),
                "maximum": _nutrient(limit.maximum),
                "soft": limit.soft,
                "amounts": {
                    dish: _nutrient(amount(problem, limit, dish))
                    for dish in range(len(problem.dishes))
                },
            }
            for limit in problem.limits
        ],
        "max_items": problem.max_items,
        "max_repeats": problem.max_repeats,
        "distance": problem.min_distance,
        "cooking_days": problem.max_cooking_days,
        "budget": None if problem.budget is None else int(problem.budget * _SCALE),
        "purchase": problem.weights.purchase,
        "cuisine": problem.weights.cuisine,
        "repeat": problem.weights.repeat,
        "extra_dish": problem.weights.extra_dish if problem.people else 0,
        "cost": int(problem.weights.cost * 1_000),  # thousandths of points, costs are millionths
        "nutrition": problem.weights.nutrition,
    }


def _dish(problem: Problem, number: int) -> dict[str, Any]:
    dish = problem.dishes[number]
    return {
        "id": number,
        "base": problem.base(number),
        "recipe": problem.recipe(number),
        "age": dish.age,
        "minutes": dish.minutes,
        "cuisine": dish.cuisine,
        "at": {
            slot: {
                "points": int(problem.meal_points(number, slot) * _SCALE),
                "needs": problem.needs(number, slot),
            }
            for slot in problem.slots
            if problem.fits(number, slot)
        },
    }


def _nutrient(value: Fraction | None) -> int | None:
    return None if value is None else round(value * _NUTRIENT_SCALE)
