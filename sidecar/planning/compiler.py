"""Compiles a plan request into the problem that the solvers work on."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib.resources import files

from sidecar.planning.exclusions import exclusion_warnings, exclusions
from sidecar.planning.problem import MEAL_TAGS, Dish, Lock, ObjectiveWeights, Problem
from sidecar.planning.schemas import Constraints, PlanRequest, Recipe
from sidecar.planning.stock_builder import StockBuilder


@cache
def cuisine_tags() -> frozenset[str]:
    """Return the tags that name a cuisine."""
    data = (files("sidecar.planning") / "data" / "cuisines.toml").read_text("utf-8")
    return frozenset(tomllib.loads(data)["cuisines"])


def compile_request(request: PlanRequest) -> Problem:
    """Compile a request. Units that don't convert become a warning and a purchase."""
    horizon, constraints = request.planning_horizon, request.constraints
    weights = ObjectiveWeights.from_weights(request.weights)
    builder = StockBuilder(request.inventory, request.recipes, weights.rescue, horizon.days)
    excluded = exclusions(constraints.excluded_ingredients, request.recipes)
    dishes = tuple(
        replace(
            _compile_dish(recipe, horizon.meal_types, constraints, builder),
            barred=found.barred,
            omitted=found.omitted,
        )
        for recipe, found in zip(request.recipes, excluded, strict=True)
    )
    dish_index = {recipe.id: number for number, recipe in enumerate(request.recipes)}
    meal_index = {meal: number for number, meal in enumerate(horizon.meal_types)}
    day_budgets: list[int | None] = [None] * horizon.days
    slot_budgets: list[int | None] = [None] * (horizon.days * len(meal_index))
    for budget_date, budget in constraints.time_budgets.items():
        day = (budget_date - horizon.start_date).days
        if isinstance(budget, int):
            day_budgets[day] = budget
            continue
        for meal, minutes in budget.items():
            slot_budgets[day * len(meal_index) + meal_index[meal]] = minutes
    locks = tuple(
        Lock(
            (lock.date - horizon.start_date).days,
            None if lock.meal_type is None else meal_index[lock.meal_type],
            dish_index[lock.recipe_id],
        )
        for lock in constraints.locked_meals
    )
    return Problem(
        start=horizon.start_date,
        days=horizon.days,
        meals=horizon.meal_types,
        dishes=dishes,
        stocks=tuple(builder.stocks),
        items=tuple(builder.items),
        day_budgets=tuple(day_budgets),
        slot_budgets=tuple(slot_budgets),
        locks=locks,
        max_items=constraints.max_shopping_items,
        max_repeats=constraints.max_repeats,
        weights=weights,
        diet=constraints.dietary,
        excluded_ingredients=constraints.excluded_ingredients,
        expiring_until=builder.expiring_until,
        expiring=builder.expiring(),
        warnings=(
            *builder.warnings,
            *exclusion_warnings(constraints.excluded_ingredients, excluded),
        ),
    )


def _compile_dish(
    recipe: Recipe, meal_types: Sequence[str], constraints: Constraints, builder: StockBuilder
) -> Dish:
    meal_tags = recipe.tags & (MEAL_TAGS | set(meal_types))
    scale = Fraction(1)
    if constraints.servings is not None and recipe.servings is not None:
        scale = Fraction(repr(constraints.servings)) / Fraction(repr(recipe.servings))
    return Dish(
        id=recipe.id,
        name=recipe.name,
        minutes=recipe.minutes,
        meals=frozenset(
            number for number, meal in enumerate(meal_types) if not meal_tags or meal in meal_tags
        ),
        cuisine=recipe.cuisine or min(recipe.tags & cuisine_tags(), default=None),
        favorite=recipe.is_favorite,
        excluded=recipe.id in constraints.excluded_recipes,
        lacking=tuple(tag for tag in constraints.dietary if tag not in recipe.tags),
        needs=builder.needs(recipe, scale),
    )
