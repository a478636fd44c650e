"""Suggestions: recipes to cook now, ranked by the points of cooking them today.

The points are the planner's, with its default weights: food rescued before it expires, minus what
must be bought, plus a little for a favorite. Optional ingredients are used if they are at home and
never missed. An ingredient requested to cook with counts as one that expires today.
"""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from sidecar.planning.exclusions import exclusions
from sidecar.planning.problem import ObjectiveWeights
from sidecar.planning.response import Suggestion
from sidecar.planning.schemas import (
    Ingredient,
    PlanWeights,
    Recipe,
    SuggestionIngredient,
    SuggestionRequest,
)
from sidecar.planning.scoring import Use, consume, rescue_points
from sidecar.planning.stock_builder import StockBuilder
from sidecar.text.words import singulars

_WEIGHTS = ObjectiveWeights.from_weights(PlanWeights())


def suggest(request: SuggestionRequest) -> list[Suggestion]:
    """Return at most `limit` recipes, best first.

    Only recipes that use an expiring or, with `cook_with`, a requested ingredient are included.
    """
    recipes = _without_excluded(request)
    # Optional ingredients get stocks too; `_score` decides whether they are needed.
    required = [_all_required(recipe) for recipe in recipes]
    builder = StockBuilder(
        request.inventory, required, _WEIGHTS.rescue, days=1, conversions=request.conversions
    )
    requested = _Wishes(request.ingredients) if request.mode == "cook_with" else None
    results = [_score(recipe, builder, requested) for recipe in recipes]
    scored = [result for result in results if result is not None]
    scored.sort(key=lambda s: (-s[0], len(s[1].missing), s[1].recipe_name, s[1].recipe_id))
    return [suggestion for _, suggestion in scored[: request.limit]]


def _without_excluded(request: SuggestionRequest) -> list[Recipe]:
    """Return the recipes without excluded ingredients, and without those that are optional."""
    excluded = exclusions(request.excluded_ingredients, request.recipes)
    recipes = []
    for recipe, found in zip(request.recipes, excluded, strict=True):
        if found.barred:
            continue
        omitted = {barred.ingredient for barred in found.omitted}
        kept = tuple(i for i in recipe.ingredients if not (i.optional and i.name in omitted))
        recipes.append(recipe.model_copy(update={"ingredients": kept}))
    return recipes


def _all_required(recipe: Recipe) -> Recipe:
    required = tuple(i.model_copy(update={"optional": False}) for i in recipe.ingredients)
    return recipe.model_copy(update={"ingredients": required})


def _score(
    recipe: Recipe, builder: StockBuilder, requested: "_Wishes | None"
) -> tuple[Fraction, Suggestion] | None:
    """Return the exact score and the suggestion, None if the recipe doesn't suit the mode."""
    uses: dict[int, list[Use]] = defaultdict(list)
    matches: dict[str, None] = {}
    missing: dict[str, None] = {}
    for ingredient in sorted(recipe.ingredients, key=lambda ingredient: ingredient.optional):
        is_requested = requested is not None and requested.match(ingredient)
        need = builder.need(ingredient)
        assert need is not None  # every ingredient has one
        number, parts = need
        use = (0, parts)
        _, shortfall = consume(builder.stocks[number], [*uses[number], use])
        if is_requested and not (ingredient.optional and shortfall):
            matches[ingredient.name] = None
        if not shortfall or not ingredient.optional:
            uses[number].append(use)
        if shortfall and not ingredient.optional and not is_requested:
            missing[ingredient.name] = None
    score = Fraction(_WEIGHTS.favorite * recipe.is_favorite)
    score += _WEIGHTS.rescue * len(matches) - _WEIGHTS.purchase * len(missing)
    expiring: dict[str, None] = {}
    for number, stock_uses in uses.items():
        stock = builder.stocks[number]
        used, _ = consume(stock, stock_uses)
        if saved := rescue_points(stock, used):
            score += saved
            expiring[builder.items[stock.item].name] = None
    if not (expiring if requested is None else matches):
        return None
    suggestion = Suggestion(
        recipe_id=recipe.id,
        recipe_name=recipe.name,
        score=max(0.0, round(float(score), 1)),
        expiring_used=tuple(expiring),
        missing=tuple(missing),
        reason=_reason(recipe, list(matches), list(expiring), list(missing)),
    )
    return score, suggestion


class _Wishes:
    """The requested ingredients, each of which every ingredient of a recipe may match."""

    def __init__(self, ingredients: Sequence[SuggestionIngredient]) -> None:
        self._ids = {wish.ingredient_id for wish in ingredients}
        names = [wish.name for wish in ingredients if wish.name is not None]
        self._words = {frozenset(singulars(name)) for name in names}

    def match(self, ingredient: Ingredient) -> bool:
        """Match by id, or by the words of a name: "chicken" also matches "chicken breast"."""
        if ingredient.ingredient_id in self._ids:
            return True
        words = frozenset(singulars(ingredient.name))
        return any(wish <= words for wish in self._words)


def _reason(recipe: Recipe, matches: list[str], expiring: list[str], missing: list[str]) -> str:
    parts = []
    if matches:
        parts.append(f"cooks with {', '.join(matches)}")
    if expiring:
        parts.append(f"uses {', '.join(expiring)} before it expires")
    parts.append(f"needs {', '.join(missing) or 'nothing'} from the shop")
    if recipe.is_favorite:
        parts.append("is a favorite")
    return f"{recipe.name} {'; '.join(parts)}."
