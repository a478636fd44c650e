"""Builds the response values of a plan: its meals, shopping list and metrics."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from sidecar.ingredients import units
from sidecar.planning.constraint_words import decimals_of
from sidecar.planning.nutrition import intakes
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.response import (
    Alternative,
    Amount,
    Cost,
    ExcludedRecipe,
    Meal,
    MealTime,
    Metrics,
    Nutrients,
    NutritionBasis,
    Purchase,
    Rescue,
    Substituted,
)
from sidecar.planning.scoring import Assessment, assess, cookings, purchase_cost
from sidecar.planning.substitution_reasons import substitution_reasons


def meals(problem: Problem, plan: Plan) -> tuple[Meal, ...]:
    """Return the dishes of each sitting in order of time."""
    served: dict[tuple[tuple[int, str | None], int], list[int]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            served[problem.service(slot), dish].append(slot)
    eaten_later: dict[tuple[int, int], set[str]] = defaultdict(set)
    for slot, dish in enumerate(plan):
        if dish != OPEN and problem.dishes[dish].age:
            date = problem.date(problem.day(slot)).isoformat()
            eaten_later[problem.cooking_day(dish, slot), problem.base(dish)].add(date)
    return tuple(
        Meal(
            date=problem.date(problem.day(slots[0])).isoformat(),
            day_index=problem.day(slots[0]),
            meal_type=problem.meals[problem.meal(slots[0])],
            recipe_id=problem.dishes[dish].id,
            recipe_name=problem.dishes[dish].name,
            course=problem.column(slots[0]).course,
            cooked_on=_cooked_on(problem, dish, slots[0]),
            substitutes=_substitutes(problem, plan, slots),
            also_for=tuple(sorted(eaten_later[problem.day(slots[0]), dish])),
            feeds=tuple(
                problem.people[person].id
                for person in sorted(p for slot in slots for p in problem.column(slot).people)
            ),
        )
        for (_, dish), slots in served.items()
    )


def _substitutes(problem: Problem, plan: Plan, slots: Sequence[int]) -> tuple[Substituted, ...]:
    dish = problem.dishes[plan[slots[0]]]
    if dish.age or not dish.substitutions:
        return ()
    return tuple(
        Substituted(
            instead_of=substitution.instead_of,
            ingredient_id=substitution.ingredient_id,
            name=substitution.name,
            reason=reason,
        )
        for substitution, reason in zip(
            dish.substitutions, substitution_reasons(problem, plan, slots), strict=True
        )
    )


def _cooked_on(problem: Problem, dish: int, slot: int) -> str | None:
    if not problem.dishes[dish].age:
        return None
    return problem.date(problem.cooking_day(dish, slot)).isoformat()


def shopping_list(problem: Problem, plan: Plan, assessment: Assessment) -> tuple[Purchase, ...]:
    """Return the purchases, sorted by name. Amounts that don't convert stay separate."""
    amounts: dict[int, list[Amount]] = defaultdict(list)
    stocks: dict[int, set[int]] = defaultdict(set)
    prices: dict[int, Fraction] = defaultdict(Fraction)
    rests: dict[int, float] = {}
    for number, missing in assessment.shortfalls.items():
        stock = problem.stocks[number]
        quantity = stock.bought(missing)
        amount = Amount(quantity=units.in_unit(quantity, stock.measure), unit=stock.unit)
        amounts[stock.item].append(amount)
        stocks[stock.item].add(number)
        if stock.price is not None:
            prices[stock.item] += stock.cost(missing)
        if stock.package and stock.item not in rests:
            rests[stock.item] = units.in_unit(quantity - missing, stock.measure)
    users: dict[int, dict[str, None]] = defaultdict(dict)
    times: dict[int, dict[MealTime, None]] = defaultdict(dict)
    for slot, dish in enumerate(plan):
        if dish == OPEN:
            continue
        base = problem.dishes[problem.base(dish)]
        needed = {stock for stock, _ in base.needs}
        time = MealTime(
            date=problem.date(problem.day(slot)).isoformat(),
            meal_type=problem.meals[problem.meal(slot)],
        )
        for item, short_stocks in stocks.items():
            if short_stocks & needed:
                users[item].setdefault(base.name)
                times[item].setdefault(time)
    return tuple(
        Purchase(
            ingredient_id=problem.items[item].id,
            name=problem.items[item].name,
            quantity=amounts[item][0].quantity,
            unit=amounts[item][0].unit,
            for_recipes=tuple(users[item]),
            for_meals=tuple(times[item]),
            also=tuple(amounts[item][1:]),
            price=_decimal(problem, prices[item]) if item in prices else None,
            rest=rests.get(item),
        )
        for item in sorted(amounts, key=lambda item: (problem.items[item].name, item))
    )


def metrics(problem: Problem, plan: Plan, assessment: Assessment) -> Metrics:
    """Return a plan's metrics. The waste share weighs every expiring ingredient equally."""
    rescues: list[Rescue] = []
    shares: dict[int, list[float]] = defaultdict(list)
    rescued_items: set[int] = set()
    saved: list[Fraction] = []
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
                value=None if stock.price is None else _decimal(problem, stock.price * used),
            )
        )
        if stock.price is not None:
            saved.append(stock.price * used)
    cooked = [dish for _, dish in cookings(problem, plan)]
    total_expiring = len(problem.expiring)
    return Metrics(
        expiring_ingredients_used=len(rescued_items),
        total_expiring_ingredients=total_expiring,
        shopping_items_count=len(assessment.purchases),
        variety_score=round(len(assessment.cuisines) / len(cooked), 3) if cooked else 0.0,
        recipes_selected=len({problem.recipe(dish) for dish in cooked}),
        waste_prevented=tuple(rescues),
        waste_prevented_share=round(
            sum(sum(item) / len(item) for item in shares.values()) / max(1, total_expiring), 3
        ),
        cost=_cost(problem, plan, assessment),
        value_saved=_decimal(problem, sum(saved, Fraction(0))) if saved else None,
    )


def _cost(problem: Problem, plan: Plan, assessment: Assessment) -> Cost | None:
    """Return what the purchases cost, None if the request has no prices."""
    if all(stock.price is None for stock in problem.stocks):
        return None
    total = purchase_cost(problem, assessment.shortfalls)
    unpriced = {
        problem.items[problem.stocks[stock].item].name
        for stock in assessment.shortfalls
        if problem.stocks[stock].price is None
    }
    fed = sum(problem.diners(slot) for slot, dish in enumerate(plan) if dish != OPEN)
    return Cost(
        total=_decimal(problem, total),
        per_person_and_meal=_decimal(problem, total / max(1, fed)),
        currency=problem.currency,
        unpriced=tuple(sorted(unpriced)),
    )


def _decimal(problem: Problem, amount: Fraction) -> str:
    """Return an amount with its currency's decimals."""
    last = Decimal(1).scaleb(-decimals_of(problem.currency))
    return str((Decimal(amount.numerator) / amount.denominator).quantize(last))


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
        for barred in (() if dish.age or dish.substitutions else dish.barred)
    )


def nutrition(problem: Problem, plan: Plan) -> tuple[Nutrients, ...]:
    """Return what each person eats on each day, nothing if no recipe gives its nutrients."""
    if not any(dish.nutrition for dish in problem.dishes):
        return ()
    return tuple(
        Nutrients(
            date=problem.date(intake.day).isoformat(),
            person=None if intake.person is None else problem.people[intake.person].id,
            meals=intake.meals,
            sums={name: round(float(amount), 2) for name, amount in intake.sums.items()},
            known=intake.known,
        )
        for intake in intakes(problem, plan)
        if intake.meals
    )


def nutrition_estimates(problem: Problem, plan: Plan) -> tuple[NutritionBasis, ...]:
    """Return what the estimates of the planned dishes rest on."""
    planned = dict.fromkeys(problem.base(dish) for dish in plan if dish != OPEN)
    return tuple(
        NutritionBasis(
            recipe_id=problem.dishes[dish].id,
            recipe_name=problem.dishes[dish].name,
            ingredients=estimate.ingredients,
            unknown=estimate.unknown,
        )
        for dish in planned
        if (estimate := problem.dishes[dish].estimate) is not None
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
