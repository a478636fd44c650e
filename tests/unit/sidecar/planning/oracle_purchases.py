"""What a menu uses of the food at home, and what it buys: the oracle's arithmetic of stocks."""

from collections import defaultdict
from fractions import Fraction
from math import ceil

from sidecar.ingredients import units
from sidecar.planning.schemas import PlanRequest, Recipe
from tests.unit.sidecar.planning.oracle_menus import Menu, Seat, recipe_of, seats, swapped, swaps_of


def cook(request: PlanRequest, menu: Menu) -> tuple[set[str], Fraction, Fraction]:
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
        for food, dimension, amount in needs_of(request, recipe_of(request, dish), seat):
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


def typical_cost(request: PlanRequest) -> Fraction:
    costs = [
        sum(_price(request, *need) for need in needs_of(request, recipe, None))
        for recipe in request.recipes
    ]
    priced = [cost for cost in costs if cost]
    return Fraction(sum(priced), len(priced)) if priced else Fraction(10**12)


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


def needs_of(request: PlanRequest, recipe: Recipe, seat: Seat | None) -> list[tuple[str, str, int]]:
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
            for swaps in swaps_of(request, recipe)
            for i in swapped(request, recipe, swaps).ingredients
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
