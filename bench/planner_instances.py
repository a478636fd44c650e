"""Seeded meal-plan requests, alike in kind to what households send: for bench/ and the tests."""

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
    pantry: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A request of `recipes` x `days` x `meals`; `diet`, `budgets`, `cap` are probabilities."""
    draw = random.Random(f"{seed}/{recipes}/{days}/{meals}")
    size = pantry or min(400, max(150, 100 + recipes))
    foods = [(f"i{number}", f"ingredient {number}", *draw.choice(UNITS)) for number in range(size)]
    popularity = [1 / (number + 1) ** 0.8 for number in range(size)]
    dishes = [_recipe(draw, number, foods, popularity) for number in range(recipes)]
    stock = [
        {
            "ingredient_id": food[0],
            "name": food[1],
            "unit": food[2],
            "quantity": round(draw.uniform(0.5, 3) * (food[3] + food[4]) / 2, 2),
            "days_until_expiry": draw.randint(-1, 10) if draw.random() < 0.45 else None,
        }
        for number, food in enumerate(foods)
        if draw.random() < (0.8 if number < 15 else 0.35)
        for _ in range(2 if draw.random() < 0.1 else 1)
    ]
    planned = MEALS[:meals]
    dietary = [draw.choice(list(DIETS))] if draw.random() < diet else []
    excluded = [dish["id"] for dish in dishes if draw.random() < 0.05]
    time_budgets = {
        (START + timedelta(day)).isoformat(): draw.choice((30, 45, 60, 90)) * meals
        for day in range(days)
        if draw.random() < budgets
    }
    fitting = [
        dish for dish in dishes if dish["id"] not in excluded and set(dietary) <= set(dish["tags"])
    ]
    locked: dict[str, dict[str, str]] = {}
    for _ in range(draw.randint(0, 2) if locks is None else locks):
        day, meal = (START + timedelta(draw.randrange(days))).isoformat(), draw.choice(planned)
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
                "recipe_id": draw.choice(chosen)["id"],
            }
    most = int(draw.uniform(1.5, 3) * days * meals) + 8 if draw.random() < cap else None
    return {
        "planning_horizon": {
            "start_date": START.isoformat(),
            "days": days,
            "meal_types": list(planned),
        },
        "inventory": stock,
        "recipes": dishes,
        "constraints": {
            "max_shopping_items": most,
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
    draw: random.Random,
    number: int,
    foods: list[tuple[str, str, str, float, float]],
    popularity: list[float],
) -> dict[str, Any]:
    chosen: set[int] = set()
    wanted = min(len(foods), draw.randint(3, 12))
    while len(chosen) < wanted:
        chosen.add(draw.choices(range(len(foods)), popularity)[0])
    kind = draw.random()
    if kind < 0.2:
        meals = ["breakfast"]
    elif kind < 0.6:
        meals = ["lunch"] if kind < 0.3 else ["lunch", "dinner"]
    else:
        meals = ["dinner"]
    return {
        "id": f"r{number}",
        "name": f"recipe {number}",
        "prep_time": draw.choice((5, 10, 15, 20, 30)),
        "cook_time": draw.choice((0, 10, 15, 20, 30, 45, 60)),
        "cuisine": draw.choice(CUISINES),
        "tags": [*meals, *(tag for tag, share in DIETS.items() if draw.random() < share)],
        "is_favorite": draw.random() < 0.1,
        "ingredients": [
            {
                "ingredient_id": foods[food][0],
                "name": foods[food][1],
                "unit": foods[food][2],
                "quantity": _amount(draw, *foods[food][3:]),
            }
            for food in sorted(chosen)
        ],
    }


def _amount(draw: random.Random, least: float, most: float) -> float:
    amount = draw.uniform(least, most)
    return max(0.25, round(amount * 4) / 4) if most <= 4 else round(amount / 5) * 5.0


def small(seed: int, **fields: Any) -> dict[str, Any]:
    """A small request with any kind of constraint, some of them impossible to meet."""
    draw = random.Random(f"small/{seed}")
    days, meals = draw.choice(((2, 1), (3, 1), (4, 1), (2, 2), (1, 3), (5, 1), (3, 2)))
    request = instance(
        seed, draw.randint(3, 9), days, meals, budgets=0.4, cap=0.4, pantry=14, locks=0
    )
    constraints, recipes = request["constraints"], request["recipes"]
    planned = request["planning_horizon"]["meal_types"]
    for recipe in recipes:
        recipe["ingredients"] = recipe["ingredients"][: draw.randint(1, 4)]
        if draw.random() < 0.5:
            recipe["tags"] = [tag for tag in recipe["tags"] if tag not in MEALS]
        if draw.random() < 0.3:
            recipe["servings"] = draw.choice((2, 3, 4))
        if draw.random() < 0.2:
            recipe["ingredients"][-1]["optional"] = len(recipe["ingredients"]) > 1
    for lot in request["inventory"]:
        if draw.random() < 0.5:
            lot["days_until_expiry"] = draw.randint(0, days)
    dates = [(START + timedelta(day)).isoformat() for day in range(days)]
    if meals > 1 and draw.random() < 0.5:
        constraints["time_budgets"] = {
            day: {meal: draw.choice((20, 40, 60)) for meal in planned if draw.random() < 0.6}
            if draw.random() < 0.5
            else draw.choice((40, 80, 120))
            for day in dates
            if draw.random() < 0.7
        }
    locks = {
        (draw.choice(dates), draw.choice((None, *planned)), draw.choice(recipes)["id"])
        for _ in range(draw.choice((0, 0, 1, 2)))
    }
    constraints["locked_meals"] = [
        {"date": day, "meal_type": meal, "recipe_id": recipe}
        for day, meal, recipe in sorted(locks, key=str)
    ]
    constraints["max_repeats"] = draw.choice((1, 1, 2, 3))
    if draw.random() < 0.3:
        constraints["servings"] = draw.choice((1, 2, 6))
    if constraints["max_shopping_items"] is not None:
        constraints["max_shopping_items"] = draw.randint(0, 3 * days * meals)
    request["weights"] = {name: draw.choice((0, 0.1, 0.3, 0.5, 1)) for name in request["weights"]}
    return {**request, **fields}
