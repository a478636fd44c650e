"""Nutrients of a recipe's serving, where the recipe doesn't give them: from its ingredients."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from sidecar.ingredients.nutrients import nutrients_of
from sidecar.planning.schemas import PlanRequest, Recipe

_STEP = Fraction(1, 100)  # of kcal and grams


@dataclass(frozen=True, slots=True)
class NutritionEstimate:
    """Nutrients of a serving, as far as the ingredients are known."""

    nutrients: dict[str, Fraction]
    ingredients: int  # how many count: those with a quantity, and not optional
    unknown: tuple[str, ...]  # the names of those without a known food or weight


def estimate(recipe: Recipe, request: PlanRequest) -> NutritionEstimate | None:
    """Return the estimate, None where the recipe needs none or doesn't say how many it serves."""
    wanted = request.estimate_nutrition or bool(request.constraints.nutrition)
    if not wanted or recipe.nutrition is not None or recipe.servings is None:
        return None
    sums: dict[str, Fraction] = defaultdict(Fraction)
    unknown: dict[str, None] = {}
    counted = [i for i in recipe.ingredients if i.quantity is not None and not i.optional]
    for ingredient in counted:
        assert ingredient.quantity is not None
        found = nutrients_of(ingredient.name, ingredient.quantity, ingredient.unit)
        if found is None:
            unknown[ingredient.name] = None
        else:
            for nutrient, amount in found.items():
                sums[nutrient] += amount
    servings = Fraction(repr(float(recipe.servings)))
    per_serving = {name: round(total / servings / _STEP) * _STEP for name, total in sums.items()}
    return NutritionEstimate(per_serving, len(counted), tuple(unknown))
