"""Builds the response values of a plan: its meals, shopping list and metrics."""

from collections import defaultdict

from sidecar.planning import units
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.response import (
    Alternative,
    Amount,
    ExcludedRecipe,
    Meal,
    Metrics,
    Purchase,
    Rescue,
)
from sidecar.planning.scoring import Assessment, assess


def meals(problem: Problem, plan: Plan) -> tuple[Meal, ...]:
    """Return the filled slots in order of time."""
    return tuple(
        Meal(
            date=problem.date(problem.day(slot)).isoformat(),
            day_index=problem.day(slot),
            meal_type=problem.meals[problem.meal(slot)],
            recipe_id=problem.dishes[dish].id,
            recipe_name=problem.dishes[dish].name,
        )
        for slot, dish in enumerate(plan)
        if dish != OPEN
    )


def shopping_list(problem: Problem, plan: Plan, assessment: Assessment) -> tuple[Purchase, ...]:
    """Return the purchases, sorted by name. Amounts that don't convert stay separate."""
    amounts: dict[int, list[Amount]] = defaultdict(list)
    stocks: dict[int, set[int]] = defaultdict(set)
    for number, quantity in assessment.shortfalls.items():
        stock = problem.stocks[number]
        amount = Amount(quantity=units.in_unit(quantity, stock.measure), unit=stock.unit)
        amounts[stock.item].append(amount)
        stocks[stock.item].add(number)
    users: dict[int, list[str]] = defaultdict(list)
    for dish in dict.fromkeys(dish for dish in plan if dish != OPEN):
        for item, short_stocks in stocks.items():
            if short_stocks & {stock for stock, _ in problem.dishes[dish].needs}:
                users[item].append(problem.dishes[dish].name)
    return tuple(
        Purchase(
            ingredient_id=problem.items[item].id,
            name=problem.items[item].name,
            quantity=amounts[item][0].quantity,
            unit=amounts[item][0].unit,
            for_recipes=tuple(users[item]),
            also=tuple(amounts[item][1:]),
        )
        for item in sorted(amounts, key=lambda item: (problem.items[item].name, item))
    )


def metrics(problem: Problem, plan: Plan, assessment: Assessment) -> Metrics:
    """Return a plan's metrics. The waste share weighs every expiring ingredient equally."""
    rescues: list[Rescue] = []
    shares: dict[int, list[float]] = defaultdict(list)
    rescued_items: set[int] = set()
    for number, stock in enumerate(problem.stocks):
        expiring = [n for n, lot in enumerate(stock.lots) if lot.expiry <= problem.expiring_until]
        if not expiring:
            continue
        taken = assessment.used.get(number, (0,) * len(stock.lots))
        used = sum(taken[lot] for lot in expiring)
        total = sum(stock.lots[lot].quantity for lot in expiring)
        shares[stock.item].append(used / total)
        if not used:
            continue
        rescued_items.add(stock.item)
        rescues.append(
            Rescue(
                ingredient_id=problem.items[stock.item].id,
                name=problem.items[stock.item].name,
                quantity=units.in_unit(used, stock.measure),
                of=units.in_unit(total, stock.measure),
                unit=stock.unit,
            )
        )
    cooked = [dish for dish in plan if dish != OPEN]
    total_expiring = len(problem.expiring)
    return Metrics(
        expiring_ingredients_used=len(rescued_items),
        total_expiring_ingredients=total_expiring,
        shopping_items_count=len(assessment.purchases),
        variety_score=round(len(assessment.cuisines) / len(cooked), 3) if cooked else 0.0,
        recipes_selected=len(set(cooked)),
        waste_prevented=tuple(rescues),
        waste_prevented_share=round(
            sum(sum(item) / len(item) for item in shares.values()) / max(1, total_expiring), 3
        ),
    )


def excluded_recipes(problem: Problem) -> tuple[ExcludedRecipe, ...]:
    """Return the recipes with excluded ingredients, once for each of them."""
    return tuple(
        ExcludedRecipe(
            recipe_id=dish.id,
            recipe_name=dish.name,
            excluded_ingredient=problem.excluded_ingredients[barred.wish],
            ingredient=barred.ingredient,
            sure=barred.sure,
        )
        for dish in problem.dishes
        for barred in dish.barred
    )


def alternative(problem: Problem, plan: Plan) -> Alternative:
    """Return a plan as an alternative to the chosen one."""
    assessment = assess(problem, plan)
    return Alternative(
        objective=assessment.objective,
        meal_plan=meals(problem, plan),
        shopping_list=shopping_list(problem, plan, assessment),
        metrics=metrics(problem, plan, assessment),
    )
