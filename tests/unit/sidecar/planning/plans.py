"""Requests of a few recipes in a line each, and the plans that answer them."""

from datetime import date

from sidecar.planning.problem import OPEN
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve
from tests.unit.sidecar.planning import oracle

START = "2026-01-12"  # a Monday
MONDAY, TUESDAY = "2026-01-12", "2026-01-13"
RICE = ("rice", 100, "g")


def plan(raw, on_incumbent=None) -> PlanAnswer:
    """Solve with a stopped clock, so that only steps count and speed does not matter."""
    return solve(PlanRequest.model_validate(raw), clock=lambda: 0.0, on_incumbent=on_incumbent)


def recipe(name, *ingredients, **fields):
    needs = [
        {"ingredient_id": food, "name": food, "quantity": quantity, "unit": unit}
        for food, quantity, unit in ingredients
    ]
    return {"id": name, "name": name, "ingredients": needs, **fields}


def lot(food, quantity, unit, expiry=None):
    return {
        "ingredient_id": food,
        "name": food,
        "quantity": quantity,
        "unit": unit,
        "days_until_expiry": expiry,
    }


def request(recipes, inventory=(), days=1, meals=("dinner",), weights=None, **constraints):
    zero = dict.fromkeys(("expiring_priority", "shopping_minimization", "variety", "time_fit"), 0)
    return {
        "planning_horizon": {"start_date": START, "days": days, "meal_types": list(meals)},
        "inventory": list(inventory),
        "recipes": recipes,
        "constraints": constraints,
        "weights": {**zero, **weights} if weights is not None else {},
    }


def menu(answer):
    return [meal.recipe_id for meal in answer.meal_plan]


def _age(meal):
    cooked_on = meal.cooked_on or meal.date
    return (date.fromisoformat(meal.date) - date.fromisoformat(cooked_on)).days


def _swaps(meal, answer):
    """Return the substitutes of a dish, those of its cooking if it is left over."""
    cooked = [
        other
        for other in answer.meal_plan
        if other.recipe_id == meal.recipe_id and other.date == (meal.cooked_on or meal.date)
    ]
    if meal.cooked_on is None:
        cooked = [meal]
    return tuple((s.instead_of, s.ingredient_id) for s in cooked[0].substitutes)


def as_plan(problem, answer):
    """Return the dish of each slot."""
    numbers = {
        (dish.id, dish.age, tuple((s.instead_of, s.ingredient_id) for s in dish.substitutions)): n
        for n, dish in enumerate(problem.dishes)
    }
    chosen = [OPEN] * len(problem.slots)
    for meal in answer.meal_plan:
        for slot in problem.slots:
            column = problem.column(slot)
            people = {problem.people[person].id for person in column.people}
            if (
                (problem.day(slot), problem.meals[column.meal]) == (meal.day_index, meal.meal_type)
                and column.course == meal.course
                and people <= set(meal.feeds)
                and slot not in problem.closed
            ):
                chosen[slot] = numbers[meal.recipe_id, _age(meal), _swaps(meal, answer)]
    return tuple(chosen)


def as_menu(answer, request=None):
    """Return the recipe of each seat; without the request, of each day and meal."""
    if request is None:
        return {(meal.day_index, meal.meal_type): meal.recipe_id for meal in answer.meal_plan}
    return {
        seat: oracle.Dish(meal.recipe_id, _age(meal), _swaps(meal, answer))
        for seat in oracle.seats(request)
        for meal in answer.meal_plan
        if (meal.day_index, meal.meal_type, meal.course) == seat[:3]
        and set(seat.people) <= set(meal.feeds)
    }


def with_people(raw, *people, **fields):
    return {**raw, "people": list(people), **fields}


def served(answer):
    return [(meal.recipe_id, meal.feeds) for meal in answer.meal_plan]


def priced(food, quantity, price, **fields):
    dish = recipe(food, (food, quantity, "g"))
    dish["ingredients"][0].update(price=price, price_quantity=quantity, **fields)
    return dish
