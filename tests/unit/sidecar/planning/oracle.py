"""A brute-force planner, written from the request alone, as the oracle of the planner's tests.

It tries every plan and shares only the conversion of units with the product.
"""

from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from math import floor

from sidecar.planning import units
from sidecar.planning.compiler import cuisine_tags
from sidecar.planning.problem import MEAL_TAGS
from sidecar.planning.schemas import PlanRequest, Recipe

Menu = dict[tuple[int, str], str]  # (day, meal) -> recipe id


def best(request: PlanRequest) -> tuple[int, int] | None:
    """Return (meals, points) of the best menu with at least one meal, by trying all of them."""
    horizon = request.planning_horizon
    slots = list(product(range(horizon.days), horizon.meal_types))
    choices = [
        [None, *(recipe.id for recipe in request.recipes if fits(request, recipe, *slot))]
        for slot in slots
    ]
    best_rank: tuple[int, int] | None = None
    for picks in product(*choices):
        menu = {slot: pick for slot, pick in zip(slots, picks, strict=True) if pick is not None}
        if (
            not menu
            or (best_rank is not None and len(menu) < best_rank[0])
            or not is_feasible(request, menu)
        ):
            continue
        rank = (len(menu), floor(score(request, menu)))
        best_rank = rank if best_rank is None else max(best_rank, rank)
    return best_rank


def fits(request: PlanRequest, recipe: Recipe, day: int, meal: str) -> bool:
    """Return whether a recipe may be cooked for one meal of one day."""
    constraints = request.constraints
    meal_tags = recipe.tags & (MEAL_TAGS | set(request.planning_horizon.meal_types))
    budget = constraints.time_budgets.get(_date(request, day))
    limit = budget.get(meal) if isinstance(budget, dict) else budget
    foods = {
        name
        for ingredient in recipe.ingredients
        if not ingredient.optional
        for name in (ingredient.ingredient_id, ingredient.name)
    }
    return (
        recipe.id not in constraints.excluded_recipes
        and not foods & set(constraints.excluded_ingredients)
        and set(constraints.dietary) <= recipe.tags
        and (not meal_tags or meal in meal_tags)
        and (limit is None or recipe.prep_time + recipe.cook_time <= limit)
    )


def is_feasible(request: PlanRequest, menu: Menu) -> bool:
    """Return whether a menu satisfies every constraint."""
    constraints, horizon = request.constraints, request.planning_horizon
    recipes = {recipe.id: recipe for recipe in request.recipes}
    cooked = list(menu.values())
    for (day, meal), recipe in menu.items():
        if not fits(request, recipes[recipe], day, meal):
            return False
    if any(cooked.count(recipe) > constraints.max_repeats for recipe in cooked):
        return False
    for day in range(horizon.days):
        budget = constraints.time_budgets.get(_date(request, day))
        spent = sum(
            recipes[recipe].minutes for (menu_day, _), recipe in menu.items() if menu_day == day
        )
        if isinstance(budget, int) and spent > budget:
            return False
    for lock in constraints.locked_meals:
        candidates = [
            recipe
            for (day, meal), recipe in menu.items()
            if _date(request, day) == lock.date and lock.meal_type in (None, meal)
        ]
        if lock.recipe_id not in candidates:
            return False
    limit = constraints.max_shopping_items
    return limit is None or len(_cook(request, menu)[0]) <= limit


def score(request: PlanRequest, menu: Menu) -> Fraction:
    """Return the points of a menu."""
    weights, constraints = request.weights, request.constraints
    recipes = {recipe.id: recipe for recipe in request.recipes}
    bought, points = _cook(request, menu)
    points -= len(bought) * round(1_000 * weights.shopping_minimization)
    cuisines = set()
    for (day, meal), name in menu.items():
        recipe = recipes[name]
        cuisines.add(recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None))
        budget = constraints.time_budgets.get(_date(request, day))
        if isinstance(budget, dict):
            budget = budget.get(meal)
        elif budget is not None:
            budget //= len(request.planning_horizon.meal_types)
        limit = 60 if budget is None else max(1, budget)
        points += max(0, limit - recipe.minutes) * round(500 * weights.time_fit) // limit
        points += 50 * recipe.is_favorite
    points += len(cuisines - {None}) * round(500 * weights.variety)
    return points - (len(menu) - len(set(menu.values()))) * round(500 * weights.variety)


def _date(request: PlanRequest, day: int) -> date:
    return request.planning_horizon.start_date + timedelta(days=day)


def _cook(request: PlanRequest, menu: Menu) -> tuple[set[str], Fraction]:
    """Cook day by day, first expiry first; return what is bought, and the points for rescues."""
    names = {}
    for lot in request.inventory:
        names.setdefault(lot.ingredient_id, lot.name)
    for recipe in request.recipes:
        for ingredient in recipe.ingredients:
            names.setdefault(ingredient.ingredient_id, ingredient.name)
    expiring_until = max(7, request.planning_horizon.days - 1)
    shelf: list[list] = []  # [food, dimension, expiry, remaining]
    expiring: dict[tuple[str, str], int] = {}
    for lot in request.inventory:
        measure = units.measure(lot.unit, names[lot.ingredient_id])
        expiry = 10**9 if lot.days_until_expiry is None else lot.days_until_expiry
        if expiry >= 0:
            amount = units.stocked(lot.quantity, measure)
            shelf.append([lot.ingredient_id, measure.dimension, expiry, amount])
            if expiry <= expiring_until:
                key = (lot.ingredient_id, measure.dimension)
                expiring[key] = expiring.get(key, 0) + amount
    shelf.sort(key=lambda lot: lot[2])
    recipes = {recipe.id: recipe for recipe in request.recipes}
    rescue = round(1_000 * request.weights.expiring_priority)
    bought, points = set(), Fraction(0)
    for (day, _), name in sorted(menu.items()):
        recipe = recipes[name]
        scale = Fraction(1)
        if request.constraints.servings and recipe.servings:
            scale = Fraction(repr(request.constraints.servings)) / Fraction(repr(recipe.servings))
        for ingredient in recipe.ingredients:
            if ingredient.optional:
                continue
            food = ingredient.ingredient_id
            measure = units.measure(ingredient.unit, names[food])
            scaled = units.UnitMeasure(measure.dimension, measure.size * scale)
            required = units.needed(ingredient.quantity, scaled)
            for lot in shelf:
                if lot[:2] == [food, measure.dimension] and lot[2] >= day:
                    taken = min(required, lot[3])
                    required -= taken
                    lot[3] -= taken
                    if taken and lot[2] <= expiring_until:
                        total = expiring[food, measure.dimension]
                        points += Fraction(rescue * 3 * taken, (3 + lot[2]) * total)
            if required:
                bought.add(food)
    return bought, points
