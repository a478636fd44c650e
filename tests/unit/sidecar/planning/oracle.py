"""A brute-force planner, written from the request alone, as the oracle of the planner's tests.

It tries every plan and shares only the conversion of units with the product.
"""

# MISSING _foods
# MISSING _foods
from fractions import Fraction
from itertools import pairwise, product
from math import floor, prod

from sidecar.planning.compiler import cuisine_tags
from sidecar.planning.problem import MEAL_TAGS
from sidecar.planning.schemas import PlanRequest, Recipe
from tests.unit.sidecar.planning.oracle_menus import (
    Dish,
    Menu,
    Seat,
    date_of,
    foods_of,
    is_there,
    may_eat,
    recipe_of,
    seats,
    swapped,
    swaps_of,
)
from tests.unit.sidecar.planning.oracle_purchases import cook, typical_cost


def best(request: PlanRequest) -> tuple[int, int] | None:
    """Return (people fed, points) of the best menu with at least one meal, by trying all of them.

    Without people, each meal counts once.
    """
    places, choices = seats(request), _choices(request)
    best_rank: tuple[int, int] | None = None
    for picks in product(*choices):
        menu = {seat: pick for seat, pick in zip(places, picks, strict=True) if pick is not None}
        fed = count_fed(menu)
        if (
            not menu
            or (best_rank is not None and fed < best_rank[0])
            or not is_feasible(request, menu)
        ):
            continue
        rank = (fed, floor(score(request, menu)))
        best_rank = rank if best_rank is None else max(best_rank, rank)
    return best_rank


def count_menus(request: PlanRequest) -> int:
    """Return how many menus `best` tries."""
    return prod(len(dishes) for dishes in _choices(request))


def _choices(request: PlanRequest) -> list[list[Dish | None]]:
    """Return the dishes that fit each seat, and None."""
    return [
        [
            None,
            *(
                Dish(recipe.id, age, swaps)
                for recipe in request.recipes
                for swaps in swaps_of(request, recipe)
                for age in range(seat.day + 1)
                if fits(request, swapped(request, recipe, swaps), seat, age)
            ),
        ]
        for seat in seats(request)
    ]


def count_fed(menu: Menu) -> int:
    return sum(max(1, len(seat.people)) for seat in menu)


def fits(request: PlanRequest, recipe: Recipe, seat: Seat, age: int = 0) -> bool:
    """Return whether a recipe, or what is left of it, may be eaten at one meal of one day."""
    constraints = request.constraints
    courses = {course for courses in constraints.courses.values() for course in courses}
    meal_tags = recipe.tags & (MEAL_TAGS | set(request.planning_horizon.meal_types)) - courses
    budget = constraints.time_budgets.get(date_of(request, seat.day))
    limit = budget.get(seat.meal) if isinstance(budget, dict) else budget
    people = {person.id: person for person in request.people}
    main = {"lunch", "dinner", "supper"}
    meals = {m for m in request.planning_horizon.meal_types if not meal_tags or m in meal_tags}
    if age:
        limit = None
        meals |= main if meals & main else set()
        if not recipe.freezes and age > recipe.keeps_days:
            return False
    if any(
        time.date in (None, date_of(request, seat.day)) and time.meal_type in (None, seat.meal)
        for time in (constraints.no_leftovers if age else constraints.no_cooking)
    ):
        return False
    first_course = constraints.courses.get(seat.meal, (None,))[0]
    for habit in constraints.recurring_meals:
        day = date_of(request, seat.day)
        if (
            habit.date in (None, day)
            and (not habit.weekdays or day.strftime("%A").lower() in habit.weekdays)
            and habit.meal_type in (None, seat.meal)
            and (habit.course or first_course) == seat.course
            and habit.recipe_id != recipe.id
            and habit.tag not in recipe.tags
        ):
            return False
    return (
        recipe.id not in constraints.excluded_recipes
        and not foods_of(recipe) & set(constraints.excluded_ingredients)
        and set(constraints.dietary) <= recipe.tags
        and seat.meal in meals
        and (seat.course is None or seat.course in recipe.tags)
        and (limit is None or recipe.prep_time + recipe.cook_time <= limit)
        and all(may_eat(people[person], recipe) for person in seat.people)
    )


def is_feasible(request: PlanRequest, menu: Menu) -> bool:
    """Return whether a menu satisfies every constraint."""
    constraints, horizon = request.constraints, request.planning_horizon
    recipes = {recipe.id: recipe for recipe in request.recipes}
    if not all(
        fits(request, recipe_of(request, dish), seat, dish.age) for seat, dish in menu.items()
    ):
        return False
    eaten = {(seat.day, seat.meal, dish) for seat, dish in menu.items()}
    if len({(*seat[:3], dish) for seat, dish in menu.items()}) > len(eaten):
        return False  # the same dish as two courses
    cooked = sorted((day, meal, dish.recipe) for day, meal, dish in eaten if not dish.age)
    cooked_on = {(day, dish) for day, _, dish in eaten if not dish.age}
    if not all((d - dish.age, dish._replace(age=0)) in cooked_on for d, _, dish in eaten):
        return False
    most = constraints.max_cooking_days
    if most is not None and len({day for day, _ in cooked_on}) > most:
        return False
    for name in recipes:
        days = [day for day, _, recipe in cooked if recipe == name]
        distance = constraints.min_days_between_repeats or 0
        if len(days) > constraints.max_repeats or any(
            later - earlier < distance for earlier, later in pairwise(days)
        ):
            return False
    for day in range(horizon.days):
        budget = constraints.time_budgets.get(date_of(request, day))
        for meal in horizon.meal_types:
            limit = budget.get(meal) if isinstance(budget, dict) else None
            at_meal = [r for d, m, r in cooked if (d, m) == (day, meal)]
            if limit is not None and sum(recipes[r].minutes for r in at_meal) > limit:
                return False
        spent = sum(recipes[recipe].minutes for d, _, recipe in cooked if d == day)
        if isinstance(budget, int) and spent > budget:
            return False
    for lock in constraints.locked_meals:
        candidates = [
            dish.recipe
            for seat, dish in menu.items()
            if not dish.age
            and not dish.swaps
            and date_of(request, seat.day) == lock.date
            and lock.meal_type in (None, seat.meal)
        ]
        if lock.recipe_id not in candidates:
            return False
    for eaten, low, high, soft, complete in _intakes(request, menu):
        if not soft and (eaten > high or (complete and eaten < low)):
            return False
    bought, cost, _ = cook(request, menu)
    limit = constraints.max_shopping_items
    return (limit is None or len(bought) <= limit) and (
        constraints.budget is None or cost <= Fraction(constraints.budget)
    )


def score(request: PlanRequest, menu: Menu) -> Fraction:
    """Return the points of a menu."""
    weights, constraints = request.weights, request.constraints
    recipes = {recipe.id: recipe for recipe in request.recipes}
    bought, cost, points = cook(request, menu)
    points -= len(bought) * round(1_000 * weights.shopping_minimization)
    if weights.cost:
        points -= cost * round(1_000 * weights.cost) / typical_cost(request)
    places = seats(request)
    cuisines = set()
    for seat, dish in menu.items():
        recipe = recipes[dish.recipe]
        cuisines.add(recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None))
        budget = constraints.time_budgets.get(date_of(request, seat.day))
        if isinstance(budget, dict):
            budget = budget.get(seat.meal)
        elif budget is not None:
            budget //= len(request.planning_horizon.meal_types)
        limit = 60 if budget is None else max(1, budget)
        minutes = 0 if dish.age else recipe.minutes
        whole = max(0, limit - minutes) * round(500 * weights.time_fit) // limit
        whole += 50 * recipe.is_favorite
        if not dish.age:
            whole -= sum(
                round(1_000 * s.penalty)
                for s in request.substitutes
                for pair in dish.swaps
                if pair == (s.instead_of, s.ingredient_id) and s.recipe_id in (None, dish.recipe)
            )
        present = sum(len(other.people) for other in places if other[:3] == seat[:3])
        points += Fraction(whole * len(seat.people), present) if present else whole
    points += len(cuisines - {None}) * round(500 * weights.variety)
    eaten = {(seat.day, seat.meal, dish) for seat, dish in menu.items()}
    recipes_eaten = {dish.recipe for dish in menu.values()}
    points -= (len(eaten) - len(recipes_eaten)) * round(500 * weights.variety)
    served = {(*seat[:3], dish) for seat, dish in menu.items()}
    for eaten, low, high, soft, _ in _intakes(request, menu):
        if soft and eaten < low:
            points -= round(1_000 * weights.nutrition) * (low - eaten) / low
        if soft and eaten > high:
            points -= round(1_000 * weights.nutrition) * (eaten - high) / high
    extra = len(served) - len({dish[:3] for dish in served})
    return points - extra * round(1_000 * weights.shared_meals)


def _intakes(request: PlanRequest, menu: Menu):
    """Yield (sum, minimum, maximum, soft, whether every meal is planned) of each bound."""
    recipes = {recipe.id: recipe for recipe in request.recipes}
    horizon = request.planning_horizon
    places = seats(request)
    for bound in request.constraints.nutrition:
        length = {"day": 1, "week": 7}[bound.per]
        for person in request.people or [None]:
            if bound.person is not None and (person is None or person.id != bound.person):
                continue
            for first in range(0, horizon.days, length):
                days = range(first, min(horizon.days, first + length))
                own = [s for s in places if s.day in days and (not person or person.id in s.people)]
                if not own:
                    continue
                missed = person and any(
                    not is_there(request, person, day, meal)
                    for day in days
                    for meal in horizon.meal_types
                )
                share = Fraction(len(days), length)
                eaten = Fraction(0)
                for seat in own:
                    if seat in menu:
                        nutrition = recipes[menu[seat].recipe].nutrition
                        amount = getattr(nutrition, bound.nutrient, None) or 0
                        servings = Fraction(repr(person.servings)) if person else 1
                        eaten += Fraction(repr(float(amount))) * servings
                low = Fraction(repr(bound.min)) * share if bound.min and not missed else 0
                high = Fraction(repr(bound.max)) * share if bound.max else 10**30
                yield eaten, low, high, bound.soft, all(seat in menu for seat in own)
