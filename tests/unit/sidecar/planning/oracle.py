"""A brute-force planner, written from the request alone, as the oracle of the planner's tests.

It tries every plan and shares only the conversion of units with the product.
"""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor, prod
from typing import NamedTuple

from sidecar.ingredients import units
from sidecar.planning.compiler import cuisine_tags
from sidecar.planning.problem import MEAL_TAGS
from sidecar.planning.schemas import PlanRequest, Recipe


class Seat(NamedTuple):
    """A course of a meal for those who may eat the same; nobody in particular without people."""

    day: int
    meal: str
    course: str | None = None
    people: tuple[str, ...] = ()


class Dish(NamedTuple):
    """A recipe, cooked some days before it is eaten, with (ingredient, substitute) pairs."""

    recipe: str
    age: int = 0
    swaps: tuple[tuple[str, str], ...] = ()


Menu = dict[Seat, Dish]


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


def _swaps(request: PlanRequest, recipe: Recipe) -> list[tuple[tuple[str, str], ...]]:
    choices = [
        [
            None,
            *(
                (i.ingredient_id, s.ingredient_id)
                for s in request.substitutes
                if s.instead_of == i.ingredient_id
                and s.recipe_id in (None, recipe.id)
                and not i.optional
            ),
        ]
        for i in recipe.ingredients
    ]
    return [tuple(pair for pair in pick if pair) for pick in product(*choices)]


def _swapped(request: PlanRequest, recipe: Recipe, swaps) -> Recipe:
    names = {food.ingredient_id: food.name for food in request.inventory}
    for other in request.recipes:
        for ingredient in other.ingredients:
            names.setdefault(ingredient.ingredient_id, ingredient.name)
    ingredients = []
    for i in recipe.ingredients:
        used = dict(swaps).get(i.ingredient_id)
        if used is None or i.optional:
            ingredients.append(i)
            continue
        (entry,) = (
            s
            for s in request.substitutes
            if (s.instead_of, s.ingredient_id) == (i.ingredient_id, used)
            and s.recipe_id in (None, recipe.id)
        )
        change = {
            "ingredient_id": used,
            "name": names.get(used, used),
            "quantity": i.quantity * entry.ratio,
            "package_quantity": None,
            "price": entry.price,
            "price_quantity": entry.price_quantity,
        }
        ingredients.append(i.model_copy(update=change))
    return recipe.model_copy(update={"ingredients": tuple(ingredients)})


def _recipe_of(request: PlanRequest, dish: Dish) -> Recipe:
    recipe = next(recipe for recipe in request.recipes if recipe.id == dish.recipe)
    return _swapped(request, recipe, dish.swaps)


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
                for swaps in _swaps(request, recipe)
                for age in range(seat.day + 1)
                if fits(request, _swapped(request, recipe, swaps), seat, age)
            ),
        ]
        for seat in seats(request)
    ]


def count_fed(menu: Menu) -> int:
    return sum(max(1, len(seat.people)) for seat in menu)


def seats(request: PlanRequest) -> list[Seat]:
    """Return who eats together, course by course."""
    horizon, courses = request.planning_horizon, request.constraints.courses
    meals = list(product(range(horizon.days), horizon.meal_types))
    alike: dict[object, list[str]] = defaultdict(list)
    for person in request.people:
        may_eat = frozenset(
            (recipe.id, swaps)
            for recipe in request.recipes
            for swaps in _swaps(request, recipe)
            if _may_eat(person, _swapped(request, recipe, swaps))
        )
        there = tuple(_is_there(request, person, *meal) for meal in meals)
        alike[may_eat, there].append(person.id)
    groups = [tuple(group) for group in alike.values()] or [()]
    people = {person.id: person for person in request.people}
    return [
        Seat(day, meal, course, group)
        for day, meal in meals
        for course in courses.get(meal, (None,))
        for group in groups
        if not group or _is_there(request, people[group[0]], day, meal)
    ]


def _is_there(request, person, day, meal):
    def includes(time):
        when = _date(request, day)
        return (
            time.date in (None, when)
            and (not time.weekdays or when.strftime("%A").lower() in time.weekdays)
            and time.meal_type in (None, meal)
        )

    return (person.present is None or any(map(includes, person.present))) and not any(
        map(includes, person.absent)
    )


def _may_eat(person, recipe: Recipe) -> bool:
    return (
        not person.excluded_tags & recipe.tags
        and person.required_tags <= recipe.tags
        and not _foods(recipe) & {*person.excluded_ingredients, *person.dislikes}
    )


def _foods(recipe: Recipe) -> set[str]:
    return {
        name
        for ingredient in recipe.ingredients
        if not ingredient.optional
        for name in (ingredient.ingredient_id, ingredient.name)
    }


def fits(request: PlanRequest, recipe: Recipe, seat: Seat, age: int = 0) -> bool:
    """Return whether a recipe, or what is left of it, may be eaten at one meal of one day."""
    constraints = request.constraints
    courses = {course for courses in constraints.courses.values() for course in courses}
    meal_tags = recipe.tags & (MEAL_TAGS | set(request.planning_horizon.meal_types)) - courses
    budget = constraints.time_budgets.get(_date(request, seat.day))
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
        time.date in (None, _date(request, seat.day)) and time.meal_type in (None, seat.meal)
        for time in (constraints.no_leftovers if age else constraints.no_cooking)
    ):
        return False
    first_course = constraints.courses.get(seat.meal, (None,))[0]
    for habit in constraints.recurring_meals:
        day = _date(request, seat.day)
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
        and not _foods(recipe) & set(constraints.excluded_ingredients)
        and set(constraints.dietary) <= recipe.tags
        and seat.meal in meals
        and (seat.course is None or seat.course in recipe.tags)
        and (limit is None or recipe.prep_time + recipe.cook_time <= limit)
        and all(_may_eat(people[person], recipe) for person in seat.people)
    )


def is_feasible(request: PlanRequest, menu: Menu) -> bool:
    """Return whether a menu satisfies every constraint."""
    constraints, horizon = request.constraints, request.planning_horizon
    recipes = {recipe.id: recipe for recipe in request.recipes}
    if not all(
        fits(request, _recipe_of(request, dish), seat, dish.age) for seat, dish in menu.items()
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
        budget = constraints.time_budgets.get(_date(request, day))
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
            and _date(request, seat.day) == lock.date
            and lock.meal_type in (None, seat.meal)
        ]
        if lock.recipe_id not in candidates:
            return False
    for eaten, low, high, soft, complete in _intakes(request, menu):
        if not soft and (eaten > high or (complete and eaten < low)):
            return False
    bought, cost, _ = _cook(request, menu)
    limit = constraints.max_shopping_items
    return (limit is None or len(bought) <= limit) and (
        constraints.budget is None or cost <= Fraction(constraints.budget)
    )


def score(request: PlanRequest, menu: Menu) -> Fraction:
    """Return the points of a menu."""
    weights, constraints = request.weights, request.constraints
    recipes = {recipe.id: recipe for recipe in request.recipes}
    bought, cost, points = _cook(request, menu)
    points -= len(bought) * round(1_000 * weights.shopping_minimization)
    if weights.cost:
        points -= cost * round(1_000 * weights.cost) / _typical_cost(request)
    places = seats(request)
    cuisines = set()
    for seat, dish in menu.items():
        recipe = recipes[dish.recipe]
        cuisines.add(recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None))
        budget = constraints.time_budgets.get(_date(request, seat.day))
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


def _date(request: PlanRequest, day: int) -> date:
    return request.planning_horizon.start_date + timedelta(days=day)


def _scale(request: PlanRequest, recipe: Recipe, seat: Seat | None) -> Fraction:
    """Return how much of a recipe is cooked for a seat, or for everybody."""
    servings = {person.id: Fraction(repr(person.servings)) for person in request.people}
    eating = sum(servings[person] for person in (servings if seat is None else seat.people))
    if recipe.servings:
        wanted = eating or request.constraints.servings
        return Fraction(repr(float(wanted))) / Fraction(repr(recipe.servings)) if wanted else 1
    if seat is None or not seat.people:
        return Fraction(1)
    at_table = [p for other in seats(request) if other[:3] == seat[:3] for p in other.people]
    return Fraction(eating, sum(servings[person] for person in at_table))


def _names(request: PlanRequest) -> dict[str, str]:
    names = {}
    for lot in request.inventory:
        names.setdefault(lot.ingredient_id, lot.name)
    for recipe in request.recipes:
        for ingredient in recipe.ingredients:
            names.setdefault(ingredient.ingredient_id, ingredient.name)
    return names


def _needs(request: PlanRequest, recipe: Recipe, seat: Seat | None) -> list[tuple[str, str, int]]:
    """Return (food, dimension, parts) of the ingredients that are not optional."""
    names, scale = _names(request), _scale(request, recipe, seat)
    needs = []
    for ingredient in recipe.ingredients:
        if not ingredient.optional:
            name = names.get(ingredient.ingredient_id, ingredient.name)
            measure = units.measure(ingredient.unit, name)
            scaled = units.UnitMeasure(measure.dimension, measure.size * scale)
            amount = units.needed(ingredient.quantity, scaled)
            needs.append((ingredient.ingredient_id, measure.dimension, amount))
    return needs


def _price(request: PlanRequest, food: str, dimension: str, missing: int) -> Fraction:
    """Return the price of what is bought: whole packages, 0 without a price."""
    names = _names(request)
    ingredients = [
        *(i for recipe in request.recipes for i in recipe.ingredients),
        *(
            i
            for recipe in request.recipes
            for swaps in _swaps(request, recipe)
            for i in _swapped(request, recipe, swaps).ingredients
        ),
    ]
    prices, packages = [], []
    for entry in [*ingredients, *request.inventory]:
        name = names.get(entry.ingredient_id, entry.name)
        measure = units.measure(entry.unit, name)
        if (entry.ingredient_id, measure.dimension) != (food, dimension):
            continue
        if entry.price is not None:
            amount = Fraction(repr(entry.price_quantity)) * measure.size * units.PARTS
            prices.append(Fraction(entry.price) / amount)
        if getattr(entry, "package_quantity", None) is not None:
            packages.append(units.needed(entry.package_quantity, measure))
    bought = ceil(Fraction(missing, packages[0])) * packages[0] if packages else missing
    return bought * (prices[0] if prices else Fraction(0))


def _typical_cost(request: PlanRequest) -> Fraction:
    costs = [
        sum(_price(request, *need) for need in _needs(request, recipe, None))
        for recipe in request.recipes
    ]
    priced = [cost for cost in costs if cost]
    return Fraction(sum(priced), len(priced)) if priced else Fraction(10**12)


def _cook(request: PlanRequest, menu: Menu) -> tuple[set[str], Fraction, Fraction]:
    """Cook day by day, first expiry first; return purchases, their price, and rescue points."""
    names = _names(request)
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
    rescue = round(1_000 * request.weights.expiring_priority)
    missing, points = defaultdict(int), Fraction(0)
    for seat, dish in sorted(menu.items(), key=lambda item: item[0].day - item[1].age):
        cooked_on = seat.day - dish.age
        for food, dimension, amount in _needs(request, _recipe_of(request, dish), seat):
            required = amount
            for lot in shelf:
                if lot[:2] == [food, dimension] and lot[2] >= cooked_on:
                    taken = min(required, lot[3])
                    required -= taken
                    lot[3] -= taken
                    if taken and lot[2] <= expiring_until:
                        total = expiring[food, dimension]
                        points += Fraction(rescue * 3 * taken, (3 + lot[2]) * total)
            missing[food, dimension] += required
    short = {key: amount for key, amount in missing.items() if amount}
    cost = sum((_price(request, *key, amount) for key, amount in short.items()), Fraction(0))
    return {food for food, _ in short}, cost, points


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
                    not _is_there(request, person, day, meal)
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
