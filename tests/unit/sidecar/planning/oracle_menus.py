"""What a request's menus are made of: the seats of its meals, and its recipes with substitutes."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

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


def seats(request: PlanRequest) -> list[Seat]:
    """Return who eats together, course by course."""
    horizon, courses = request.planning_horizon, request.constraints.courses
    meals = list(product(range(horizon.days), horizon.meal_types))
    alike: dict[object, list[str]] = defaultdict(list)
    for person in request.people:
        dishes = frozenset(
            (recipe.id, swaps)
            for recipe in request.recipes
            for swaps in swaps_of(request, recipe)
            if may_eat(person, swapped(request, recipe, swaps))
        )
        there = tuple(is_there(request, person, *meal) for meal in meals)
        alike[dishes, there].append(person.id)
    groups = [tuple(group) for group in alike.values()] or [()]
    people = {person.id: person for person in request.people}
    return [
        Seat(day, meal, course, group)
        for day, meal in meals
        for course in courses.get(meal, (None,))
        for group in groups
        if not group or is_there(request, people[group[0]], day, meal)
    ]


def is_there(request, person, day, meal):
    def includes(time):
        when = date_of(request, day)
        return (
            time.date in (None, when)
            and (not time.weekdays or when.strftime("%A").lower() in time.weekdays)
            and time.meal_type in (None, meal)
        )

    return (person.present is None or any(map(includes, person.present))) and not any(
        map(includes, person.absent)
    )


def swaps_of(request: PlanRequest, recipe: Recipe) -> list[tuple[tuple[str, str], ...]]:
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


def swapped(request: PlanRequest, recipe: Recipe, swaps) -> Recipe:
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


def recipe_of(request: PlanRequest, dish: Dish) -> Recipe:
    recipe = next(recipe for recipe in request.recipes if recipe.id == dish.recipe)
    return swapped(request, recipe, dish.swaps)


def may_eat(person, recipe: Recipe) -> bool:
    return (
        not person.excluded_tags & recipe.tags
        and person.required_tags <= recipe.tags
        and not foods_of(recipe) & {*person.excluded_ingredients, *person.dislikes}
    )


def foods_of(recipe: Recipe) -> set[str]:
    return {
        name
        for ingredient in recipe.ingredients
        if not ingredient.optional
        for name in (ingredient.ingredient_id, ingredient.name)
    }


def date_of(request: PlanRequest, day: int) -> date:
    return request.planning_horizon.start_date + timedelta(days=day)
