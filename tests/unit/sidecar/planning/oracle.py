"""The rules of planning once more, naively and from the request itself, to judge the planner by.

It shares with the product only the conversion of units; every plan is tried.
"""

from fractions import Fraction
from itertools import product
from math import floor

from sidecar.planning import units
from sidecar.planning.problem import CUISINES, MEAL_TAGS
from sidecar.planning.schemas import PlanRequest, Recipe

Menu = dict[tuple[int, str], str]  # (day, meal) -> recipe id


def best(request: PlanRequest) -> tuple[int, int] | None:
    """(meals, points) of the best menu that holds a meal at least, by trying all of them."""
    horizon = request.planning_horizon
    places = list(product(range(horizon.days), horizon.meal_types))
    choices = [
        [None, *(recipe.id for recipe in request.recipes if fits(request, recipe, *place))]
        for place in places
    ]
    found: tuple[int, int] | None = None
    for picks in product(*choices):
        menu = {place: pick for place, pick in zip(places, picks, strict=True) if pick is not None}
        if not menu or (found is not None and len(menu) < found[0]) or not allowed(request, menu):
            continue
        rank = (len(menu), floor(worth(request, menu)))
        found = rank if found is None else max(found, rank)
    return found


def fits(request: PlanRequest, recipe: Recipe, day: int, meal: str) -> bool:
    """Whether a recipe may be cooked for one meal of one day."""
    constraints = request.constraints
    named = recipe.tags & (MEAL_TAGS | set(request.planning_horizon.meal_types))
    budget = constraints.time_budgets.get(request.planning_horizon.day(day))
    limit = budget.get(meal) if isinstance(budget, dict) else budget
    return (
        recipe.id not in constraints.excluded_recipes
        and set(constraints.dietary) <= recipe.tags
        and (not named or meal in named)
        and (limit is None or recipe.prep_time + recipe.cook_time <= limit)
    )


def allowed(request: PlanRequest, menu: Menu) -> bool:
    """Whether a menu keeps every constraint."""
    constraints, horizon = request.constraints, request.planning_horizon
    recipes = {recipe.id: recipe for recipe in request.recipes}
    cooked = list(menu.values())
    for (day, meal), recipe in menu.items():
        if not fits(request, recipes[recipe], day, meal):
            return False
    if any(cooked.count(recipe) > constraints.max_repeats for recipe in cooked):
        return False
    for day in range(horizon.days):
        budget = constraints.time_budgets.get(horizon.day(day))
        spent = sum(recipes[recipe].minutes for (when, _), recipe in menu.items() if when == day)
        if isinstance(budget, int) and spent > budget:
            return False
    for lock in constraints.locked_meals:
        held = [
            recipe
            for (day, meal), recipe in menu.items()
            if horizon.day(day) == lock.date and lock.meal_type in (None, meal)
        ]
        if lock.recipe_id not in held:
            return False
    most = constraints.max_shopping_items
    return most is None or len(_kitchen(request, menu)[0]) <= most


def worth(request: PlanRequest, menu: Menu) -> Fraction:
    """Points of a menu."""
    weights, constraints = request.weights, request.constraints
    recipes = {recipe.id: recipe for recipe in request.recipes}
    bought, points = _kitchen(request, menu)
    points -= len(bought) * round(1_000 * weights.shopping_minimization)
    kinds = set()
    for (day, meal), name in menu.items():
        recipe = recipes[name]
        kinds.add(recipe.cuisine or min(recipe.tags & CUISINES, default=None))
        budget = constraints.time_budgets.get(request.planning_horizon.day(day))
        if isinstance(budget, dict):
            budget = budget.get(meal)
        elif budget is not None:
            budget //= len(request.planning_horizon.meal_types)
        limit = 60 if budget is None else max(1, budget)
        points += max(0, limit - recipe.minutes) * round(500 * weights.time_fit) // limit
        points += 50 * recipe.is_favorite
    points += len(kinds - {None}) * round(500 * weights.variety)
    return points - (len(menu) - len(set(menu.values()))) * round(500 * weights.variety)


def _kitchen(request: PlanRequest, menu: Menu) -> tuple[set[str], Fraction]:
    """Cook day by day from lots, first expiry first: what is bought, and points for rescues."""
    names = {}
    for lot in request.inventory:
        names.setdefault(lot.ingredient_id, lot.name)
    for recipe in request.recipes:
        for part in recipe.ingredients:
            names.setdefault(part.ingredient_id, part.name)
    window = max(7, request.planning_horizon.days - 1)
    shelf: list[list] = []  # [food, dimension, expiry, left]
    expiring: dict[tuple[str, str], int] = {}
    for lot in request.inventory:
        by = units.measure(lot.unit, names[lot.ingredient_id])
        expiry = 10**9 if lot.days_until_expiry is None else lot.days_until_expiry
        if expiry >= 0:
            amount = units.stocked(lot.quantity, by)
            shelf.append([lot.ingredient_id, by.dimension, expiry, amount])
            if expiry <= window:
                key = (lot.ingredient_id, by.dimension)
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
        for part in recipe.ingredients:
            if part.optional:
                continue
            by = units.measure(part.unit, names[part.ingredient_id])
            wanted = units.needed(part.quantity, units.UnitMeasure(by.dimension, by.size * scale))
            for lot in shelf:
                if lot[:2] == [part.ingredient_id, by.dimension] and lot[2] >= day:
                    taken = min(wanted, lot[3])
                    wanted -= taken
                    lot[3] -= taken
                    if taken and lot[2] <= window:
                        total = expiring[part.ingredient_id, by.dimension]
                        points += Fraction(rescue * 3 * taken, (3 + lot[2]) * total)
            if wanted:
                bought.add(part.ingredient_id)
    return bought, points
