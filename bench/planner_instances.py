"""Seeded meal-plan requests that resemble those of households, for benchmarks and tests."""

import random
from datetime import date, timedelta
from typing import Any

START = date(2026, 1, 12)
MEALS = ("dinner", "lunch", "breakfast")
CUISINES = (
    *("italian", "mexican", "thai", "indian", "greek", "french"),
    *("japanese", "american", "chinese", "spanish", "moroccan", "korean"),
)
DIETS = {"vegetarian": 0.4, "gluten-free": 0.45, "dairy-free": 0.5}
UNITS = (("g", 50, 600), ("ml", 30, 500), ("piece", 0.5, 4), ("cup", 0.25, 2), ("lb", 0.25, 2))


def instance(
    seed: int,
    recipes: int,
    days: int,
    meals: int = 1,
    *,
    diet: float = 0.3,
    budgets: float = 0.6,
    cap: float = 0.5,
    locks: int | None = None,
    food_count: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return a request of `recipes` x `days` x `meals`.

    `diet`, `budgets` and `cap` are the probabilities of such a constraint.
    """
    rng = random.Random(f"{seed}/{recipes}/{days}/{meals}")
    size = food_count or min(400, max(150, 100 + recipes))
    foods = [(f"i{number}", f"ingredient {number}", *rng.choice(UNITS)) for number in range(size)]
    popularity = [1 / (number + 1) ** 0.8 for number in range(size)]
    dishes = [_recipe(rng, number, foods, popularity) for number in range(recipes)]
    stock = [
        {
            "ingredient_id": food[0],
            "name": food[1],
            "unit": food[2],
            "quantity": round(rng.uniform(0.5, 3) * (food[3] + food[4]) / 2, 2),
            "days_until_expiry": rng.randint(-1, 10) if rng.random() < 0.45 else None,
        }
        for number, food in enumerate(foods)
        if rng.random() < (0.8 if number < 15 else 0.35)
        for _ in range(2 if rng.random() < 0.1 else 1)
    ]
    planned = MEALS[:meals]
    dietary = [rng.choice(list(DIETS))] if rng.random() < diet else []
    excluded = [dish["id"] for dish in dishes if rng.random() < 0.05]
    time_budgets = {
        (START + timedelta(day)).isoformat(): rng.choice((30, 45, 60, 90)) * meals
        for day in range(days)
        if rng.random() < budgets
    }
    fitting = [
        dish for dish in dishes if dish["id"] not in excluded and set(dietary) <= set(dish["tags"])
    ]
    locked: dict[str, dict[str, str]] = {}
    for _ in range(rng.randint(0, 2) if locks is None else locks):
        day, meal = (START + timedelta(rng.randrange(days))).isoformat(), rng.choice(planned)
        chosen = [
            dish
            for dish in fitting
            if meal in dish["tags"]
            and dish["prep_time"] + dish["cook_time"] <= time_budgets.get(day, 999)
            and dish["id"] not in [lock["recipe_id"] for lock in locked.values()]
        ]
        if chosen and day not in locked:
            locked[day] = {
                "date": day,
                "meal_type": meal,
                "recipe_id": rng.choice(chosen)["id"],
            }
    max_items = int(rng.uniform(1.5, 3) * days * meals) + 8 if rng.random() < cap else None
    return {
        "planning_horizon": {
            "start_date": START.isoformat(),
            "days": days,
            "meal_types": list(planned),
        },
        "inventory": stock,
        "recipes": dishes,
        "constraints": {
            "max_shopping_items": max_items,
            "time_budgets": time_budgets,
            "locked_meals": list(locked.values()),
            "excluded_recipes": excluded,
            "dietary": dietary,
        },
        "weights": {
            "expiring_priority": 0.4,
            "shopping_minimization": 0.3,
            "variety": 0.2,
            "time_fit": 0.1,
        },
        **fields,
    }


def _recipe(
    rng: random.Random,
    number: int,
    foods: list[tuple[str, str, str, float, float]],
    popularity: list[float],
) -> dict[str, Any]:
    chosen: set[int] = set()
    count = min(len(foods), rng.randint(3, 12))
    while len(chosen) < count:
        chosen.add(rng.choices(range(len(foods)), popularity)[0])
    kind = rng.random()
    if kind < 0.2:
        meals = ["breakfast"]
    elif kind < 0.6:
        meals = ["lunch"] if kind < 0.3 else ["lunch", "dinner"]
    else:
        meals = ["dinner"]
    return {
        "id": f"r{number}",
        "name": f"recipe {number}",
        "prep_time": rng.choice((5, 10, 15, 20, 30)),
        "cook_time": rng.choice((0, 10, 15, 20, 30, 45, 60)),
        "cuisine": rng.choice(CUISINES),
        "tags": [*meals, *(tag for tag, share in DIETS.items() if rng.random() < share)],
        "is_favorite": rng.random() < 0.1,
        "ingredients": [
            {
                "ingredient_id": foods[food][0],
                "name": foods[food][1],
                "unit": foods[food][2],
                "quantity": _amount(rng, *foods[food][3:]),
            }
            for food in sorted(chosen)
        ],
    }


def _amount(rng: random.Random, smallest: float, largest: float) -> float:
    amount = rng.uniform(smallest, largest)
    return max(0.25, round(amount * 4) / 4) if largest <= 4 else round(amount / 5) * 5.0


def small(seed: int, **fields: Any) -> dict[str, Any]:
    """Return a small request with any kind of constraint, some of them infeasible."""
    rng = random.Random(f"small/{seed}")
    days, meals = rng.choice(((2, 1), (3, 1), (4, 1), (2, 2), (1, 3), (5, 1), (3, 2)))
    request = instance(
        seed, rng.randint(3, 9), days, meals, budgets=0.4, cap=0.4, food_count=14, locks=0
    )
    constraints, recipes = request["constraints"], request["recipes"]
    planned = request["planning_horizon"]["meal_types"]
    for recipe in recipes:
        recipe["ingredients"] = recipe["ingredients"][: rng.randint(1, 4)]
        if rng.random() < 0.5:
            recipe["tags"] = [tag for tag in recipe["tags"] if tag not in MEALS]
        if rng.random() < 0.3:
            recipe["servings"] = rng.choice((2, 3, 4))
        if rng.random() < 0.2:
            recipe["ingredients"][-1]["optional"] = len(recipe["ingredients"]) > 1
    for lot in request["inventory"]:
        if rng.random() < 0.5:
            lot["days_until_expiry"] = rng.randint(0, days)
    dates = [(START + timedelta(day)).isoformat() for day in range(days)]
    if meals > 1 and rng.random() < 0.5:
        constraints["time_budgets"] = {
            day: {meal: rng.choice((20, 40, 60)) for meal in planned if rng.random() < 0.6}
            if rng.random() < 0.5
            else rng.choice((40, 80, 120))
            for day in dates
            if rng.random() < 0.7
        }
    locks = {
        (rng.choice(dates), rng.choice((None, *planned)), rng.choice(recipes)["id"])
        for _ in range(rng.choice((0, 0, 1, 2)))
    }
    constraints["locked_meals"] = [
        {"date": day, "meal_type": meal, "recipe_id": recipe}
        for day, meal, recipe in sorted(locks, key=str)
    ]
    constraints["max_repeats"] = rng.choice((1, 1, 2, 3))
    if rng.random() < 0.3:
        constraints["servings"] = rng.choice((1, 2, 6))
    if constraints["max_shopping_items"] is not None:
        constraints["max_shopping_items"] = rng.randint(0, 3 * days * meals)
    request["weights"] = {name: rng.choice((0, 0.1, 0.3, 0.5, 1)) for name in request["weights"]}
    return {**request, **fields}
