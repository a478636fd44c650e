"""Leftovers as dishes: what is eaten some days after it was cooked, and takes no minutes.

A leftover's ingredients are used on its cooking day, at which somebody must eat the dish.
"""

from collections.abc import Sequence
from dataclasses import replace

from sidecar.planning.problem import Dish
from sidecar.planning.schemas import PlanRequest

#: Of dishes that were left over from one another, so that a large request is not a huge problem.
_MAX_LEFTOVERS = 6_000
#: Meals that are eaten alike: what is left of a dinner is the next day's lunch.
_MAIN_MEALS = frozenset({"lunch", "dinner", "supper"})


def leftovers(request: PlanRequest, dishes: Sequence[Dish]) -> tuple[Dish, ...]:
    """Return a dish for each recipe and age of its leftovers, the youngest first."""
    days, meal_types = request.planning_horizon.days, request.planning_horizon.meal_types
    main = frozenset(number for number, meal in enumerate(meal_types) if meal in _MAIN_MEALS)
    aged = []
    for age in range(1, days):
        for number, (recipe, dish) in enumerate(zip(request.recipes, dishes, strict=True)):
            if recipe.freezes or recipe.keeps_days >= age:
                aged.append(
                    replace(
                        dish,
                        minutes=0,
                        penalty=0,
                        meals=dish.meals | main if dish.meals & main else dish.meals,
                        leftover_of=number,
                        age=age,
                    )
                )
    return tuple(aged[:_MAX_LEFTOVERS])
