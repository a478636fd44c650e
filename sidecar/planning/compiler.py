"""Compiles a plan request into the problem that the solvers work on."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib.resources import files

from sidecar.planning.exclusions import exclusion_warnings, exclusions
from sidecar.planning.households import Table, portion_scale, portions, recurring, set_table, times
from sidecar.planning.leftovers import leftovers
from sidecar.planning.nutrition import bound_words, limits, nutrients
from sidecar.planning.nutrition_estimates import estimate
from sidecar.planning.problem import MEAL_TAGS, Dish, Lock, ObjectiveWeights, Problem
from sidecar.planning.schemas import PlanRequest, Recipe
from sidecar.planning.stock_builder import StockBuilder
from sidecar.planning.substitutes import versions


@cache
def cuisine_tags() -> frozenset[str]:
    """Return the tags that name a cuisine."""
    data = (files("sidecar.planning") / "data" / "cuisines.toml").read_text("utf-8")
    return frozenset(tomllib.loads(data)["cuisines"])


def compile_request(request: PlanRequest) -> Problem:
    """Compile a request. Units that don't convert become a warning and a purchase."""
    horizon, constraints = request.planning_horizon, request.constraints
    substituted, cut_off = versions(request)
    recipe_of = (*range(len(request.recipes)), *(version.origin for version in substituted))
    if substituted:
        recipes = (*request.recipes, *(version.recipe for version in substituted))
        request = request.model_copy(update={"recipes": recipes})
    weights = ObjectiveWeights.from_weights(request.weights)
    builder = StockBuilder(
        request.inventory, request.recipes, weights.rescue, horizon.days, request.conversions
    )
    excluded = exclusions(constraints.excluded_ingredients, request.recipes)
    table = set_table(request)
    dishes = tuple(
        replace(
            _compile_dish(recipe, request, table, builder),
            barred=found.barred,
            omitted=found.omitted,
            recipe=origin,
        )
        for recipe, found, origin in zip(request.recipes, excluded, recipe_of, strict=True)
    )
    plain = len(dishes) - len(substituted)
    dishes = dishes[:plain] + tuple(
        replace(dish, substitutions=version.substitutions, penalty=version.penalty)
        for dish, version in zip(dishes[plain:], substituted, strict=True)
    )
    dishes += leftovers(request, dishes)
    if request.weights.cost:
        typical_cost = _typical_cost(dishes[:plain], builder)
        weights = ObjectiveWeights.from_weights(request.weights, typical_cost)
    day_budgets, sitting_budgets = _time_budgets(request)
    dish_index = {recipe.id: number for number, recipe in enumerate(request.recipes[:plain])}
    locks = tuple(
        Lock(
            (lock.date - horizon.start_date).days,
            None if lock.meal_type is None else horizon.meal_types.index(lock.meal_type),
            dish_index[lock.recipe_id],
        )
        for lock in constraints.locked_meals
    )
    habits, slot_habits = recurring(request, table.columns)
    slot_portions, portion_of = portions(request, table, builder.needs)
    return Problem(
        start=horizon.start_date,
        days=horizon.days,
        meals=horizon.meal_types,
        columns=table.columns,
        dishes=dishes,
        stocks=tuple(builder.stocks),
        items=tuple(builder.items),
        day_budgets=day_budgets,
        sitting_budgets=sitting_budgets,
        locks=locks,
        max_items=constraints.max_shopping_items,
        max_repeats=constraints.max_repeats,
        weights=weights,
        diet=constraints.dietary,
        excluded_ingredients=constraints.excluded_ingredients,
        expiring_until=builder.expiring_until,
        expiring=builder.expiring(),
        people=table.people,
        wishes=table.wishes,
        closed=table.closed,
        habits=habits,
        slot_habits=slot_habits,
        min_distance=constraints.min_days_between_repeats or 0,
        max_cooking_days=constraints.max_cooking_days,
        no_cooking=times(request, table.columns, constraints.no_cooking),
        no_cooking_times=tuple(time.words() for time in constraints.no_cooking),
        limits=limits(request, table.columns, table.people, table.closed),
        bounds=tuple(bound_words(request, bound) for bound in constraints.nutrition),
        no_leftovers=frozenset(times(request, table.columns, constraints.no_leftovers)),
        budget=None if constraints.budget is None else Fraction(constraints.budget),
        currency=request.currency,
        portions=slot_portions,
        portion_of=portion_of,
        warnings=(
            *builder.warnings,
            *exclusion_warnings(constraints.excluded_ingredients, excluded),
            *table.warnings,
            *cut_off,
        ),
    )


def _time_budgets(
    request: PlanRequest,
) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    """Return the minutes of each day, and of each of its meals."""
    horizon = request.planning_horizon
    meal_index = {meal: number for number, meal in enumerate(horizon.meal_types)}
    days: list[int | None] = [None] * horizon.days
    sittings: list[int | None] = [None] * (horizon.days * len(meal_index))
    for date, budget in request.constraints.time_budgets.items():
        day = (date - horizon.start_date).days
        if isinstance(budget, int):
            days[day] = budget
            continue
        for meal, minutes in budget.items():
            sittings[day * len(meal_index) + meal_index[meal]] = minutes
    return tuple(days), tuple(sittings)


def _typical_cost(dishes: Sequence[Dish], builder: StockBuilder) -> Fraction:
    """Return the mean price of all that a dish needs, over the dishes with prices."""
    costs = [
        sum((builder.stocks[stock].cost(quantity) for stock, quantity in dish.needs), Fraction(0))
        for dish in dishes
    ]
    priced = [cost for cost in costs if cost]
    return sum(priced, Fraction(0)) / max(1, len(priced))


def _compile_dish(
    recipe: Recipe, request: PlanRequest, table: Table, builder: StockBuilder
) -> Dish:
    constraints, meal_types = request.constraints, request.planning_horizon.meal_types
    courses = {course for courses in constraints.courses.values() for course in courses}
    meal_tags = recipe.tags & ((MEAL_TAGS | set(meal_types)) - courses)
    scale = Fraction(1)
    if table.people:
        everybody = sum((person.servings for person in table.people), Fraction(0))
        scale = portion_scale(recipe, everybody, everybody)
    elif constraints.servings is not None and recipe.servings is not None:
        scale = Fraction(repr(constraints.servings)) / Fraction(repr(recipe.servings))
    estimated = estimate(recipe, request)
    return Dish(
        id=recipe.id,
        name=recipe.name,
        minutes=recipe.minutes,
        meals=frozenset(
            number for number, meal in enumerate(meal_types) if not meal_tags or meal in meal_tags
        ),
        tags=recipe.tags,
        cuisine=recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None),
        favorite=recipe.is_favorite,
        excluded=recipe.id in constraints.excluded_recipes,
        lacking=tuple(tag for tag in constraints.dietary if tag not in recipe.tags),
        needs=builder.needs(recipe, scale),
        nutrition=nutrients(recipe) if estimated is None else estimated.nutrients,
        estimate=estimated,
    )
