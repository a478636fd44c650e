"""What to cook now: recipes ranked by what cooking them today would be worth.

The worth is the planner's, with its default weights: food rescued before it expires, less what must
be bought, plus a little for a favourite. Optional ingredients are used if they are at home and
never missed. An ingredient the user asks to cook with counts as one that expires today.
"""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from sidecar.planning import units
from sidecar.planning.problem import ObjectiveWeights, StockBuilder
from sidecar.planning.response import Suggestion
from sidecar.planning.schemas import (
    Ingredient,
    PlanWeights,
    Recipe,
    SuggestionIngredient,
    SuggestionRequest,
)
from sidecar.planning.scoring import take


@dataclass(frozen=True, slots=True)
class _RatedRecipe:
    recipe: Recipe
    worth: Fraction
    expiring: tuple[str, ...]
    wanted: tuple[str, ...]
    missing: tuple[str, ...]


def suggest(request: SuggestionRequest) -> list[Suggestion]:
    """Up to `limit` recipes, best first; only those that use what the mode asks for."""
    points = ObjectiveWeights.of(PlanWeights())
    # Optional parts get stocks too, to be used from; whether they are needed is decided below.
    whole = [_all_required(recipe) for recipe in request.recipes]
    pantry = StockBuilder(request.inventory, whole, points.rescue, days=1)
    wanted = request.ingredients if request.mode == "cook_with" else ()
    rated = [_rate(recipe, pantry, wanted, points) for recipe in request.recipes]
    if request.mode == "cook_with":
        rated = [each for each in rated if each.wanted]
    else:
        rated = [each for each in rated if each.expiring]
    rated.sort(key=lambda each: (-each.worth, len(each.missing), each.recipe.name, each.recipe.id))
    return [
        Suggestion(
            recipe_id=each.recipe.id,
            recipe_name=each.recipe.name,
            score=max(0.0, round(float(each.worth), 1)),
            expiring_used=each.expiring,
            missing=each.missing,
            reason=_reason(each),
        )
        for each in rated[: request.limit]
    ]


def _all_required(recipe: Recipe) -> Recipe:
    parts = tuple(part.model_copy(update={"optional": False}) for part in recipe.ingredients)
    return recipe.model_copy(update={"ingredients": parts})


def _rate(
    recipe: Recipe,
    pantry: StockBuilder,
    wanted: tuple[SuggestionIngredient, ...],
    points: ObjectiveWeights,
) -> _RatedRecipe:
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    asked: dict[str, None] = {}
    missing: dict[str, None] = {}
    for part in sorted(recipe.ingredients, key=lambda part: part.optional):
        is_asked = any(_matches(wish, part) for wish in wanted)
        stock = pantry.stock(part.ingredient_id, part.unit)
        assert stock is not None  # the pantry was opened for every part
        need = units.needed(part.quantity, pantry.measure(part.ingredient_id, part.unit))
        _, short = take(pantry.stocks[stock], [*uses[stock], (0, need)])
        if is_asked and not (part.optional and short):
            asked[part.name] = None
        if not short or not part.optional:
            uses[stock].append((0, need))
        if short and not part.optional and not is_asked:
            missing[part.name] = None
    worth = Fraction(points.favourite * recipe.is_favorite)
    worth += points.rescue * len(asked) - points.purchase * len(missing)
    expiring: dict[str, None] = {}
    for number, quantities in uses.items():
        taken, _ = take(pantry.stocks[number], quantities)
        saved = sum(
            (rate * used for rate, used in zip(pantry.stocks[number].rates, taken, strict=True)),
            Fraction(0),
        )
        if saved:
            worth += saved
            expiring[pantry.items[pantry.stocks[number].item].name] = None
    return _RatedRecipe(recipe, worth, tuple(expiring), tuple(asked), tuple(missing))


def _matches(wish: SuggestionIngredient, part: Ingredient) -> bool:
    """By id, or by name: "chicken" asks for "chicken breast" too."""
    if wish.ingredient_id == part.ingredient_id:
        return True
    return wish.name is not None and _words(wish.name) <= _words(part.name)


def _words(name: str) -> frozenset[str]:
    return frozenset(word.rstrip("s") for word in name.casefold().replace(",", " ").split())


def _reason(rated: _RatedRecipe) -> str:
    parts = []
    if rated.wanted:
        parts.append(f"cooks with {', '.join(rated.wanted)}")
    if rated.expiring:
        parts.append(f"uses {', '.join(rated.expiring)} before it expires")
    if rated.missing:
        parts.append(f"needs {', '.join(rated.missing)} from the shop")
    else:
        parts.append("needs nothing from the shop")
    if rated.recipe.is_favorite:
        parts.append("is a favourite")
    return f"{rated.recipe.name} {'; '.join(parts)}."
