"""Seeded requests of households: small ones with every kind of constraint, and larger ones."""

import random
from datetime import timedelta
from typing import Any

from bench.planner_instances import START, instance, small

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def household(seed: int, **fields: Any) -> dict[str, Any]:
    """Return a small request with the constraints of `small` and those of households."""
    request = small(seed, **fields)
    rng = random.Random(f"household/{seed}")
    _keep_small(request)
    constraints, recipes = request["constraints"], request["recipes"]
    horizon = request["planning_horizon"]
    food = rng.randrange(14)
    if rng.random() < 0.3:
        constraints["excluded_ingredients"] = [rng.choice((f"i{food}", f"ingredient {food}"))]
    if rng.random() < 0.4:
        constraints["min_days_between_repeats"] = rng.randint(0, 3)
    tags = sorted({tag for recipe in recipes for tag in recipe["tags"]})
    if rng.random() < 0.3 and tags:
        constraints["recurring_meals"] = [
            {"weekdays": [rng.choice(_WEEKDAYS[:4])], "tag": rng.choice(tags)}
        ]
    if rng.random() < 0.5:
        _add_prices(rng, request)
    if rng.random() < 0.6:
        constraints.pop("servings", None)
        request["people"] = [_person(rng, number, tags) for number in range(rng.randint(1, 3))]
        absent = (START + timedelta(rng.randrange(horizon["days"]))).isoformat()
        if len(request["people"]) > 1 and rng.random() < 0.5:
            request["people"][1]["absent"] = [absent]
        request["weights"]["shared_meals"] = rng.choice((0, 0.1, 0.5, 1))
    if rng.random() < 0.5:
        _add_leftovers(rng, request)
    if rng.random() < 0.5:
        _add_nutrition(rng, request)
    if rng.random() < 0.3:
        _add_substitutes(rng, request)
    if horizon["days"] * len(horizon["meal_types"]) <= 2 and rng.random() < 0.4:
        for recipe in recipes:
            recipe["tags"] = [*recipe["tags"], rng.choice(("main", "side"))]
        constraints["courses"] = {horizon["meal_types"][0]: ["main", "side"]}
    return request


def family(seed: int, recipes: int = 60, days: int = 7, meals: int = 2, **fields: Any) -> Any:
    """Return a request of four people with wishes, leftovers, nutrition, prices and a budget."""
    rng = random.Random(f"family/{seed}")
    request = instance(seed, recipes, days, meals, cap=0.0, **fields)
    constraints = request["constraints"]
    for recipe in request["recipes"]:
        recipe["servings"] = rng.choice((2, 4, 4, 6))
        recipe["keeps_days"] = rng.choice((0, 0, 1, 2, 3))
        recipe["nutrition"] = {"kcal": rng.randrange(350, 950), "protein": rng.randrange(8, 45)}
    for recipe in request["recipes"]:
        for ingredient in recipe["ingredients"]:
            number = int(ingredient["ingredient_id"][1:])
            ingredient["price"] = f"{number % 5}.{number % 10}9"
            ingredient["price_quantity"] = ingredient["quantity"]
            if number % 4 == 0:
                ingredient["package_quantity"] = ingredient["quantity"] * 2
    constraints["budget"] = str(14 * days * meals)
    constraints["min_days_between_repeats"] = 3
    constraints["max_repeats"] = 2
    request["people"] = [
        {"id": "ada", "name": "Ada"},
        {"id": "ben", "name": "Ben", "servings": 1.5, "absent": [{"weekdays": ["tuesday"]}]},
        {"id": "cleo", "name": "Cleo", "required_tags": ["vegetarian"]},
        {"id": "dan", "name": "Dan", "servings": 0.5, "dislikes": [f"i{rng.randrange(20)}"]},
    ]
    constraints["nutrition"] = [
        {"nutrient": "kcal", "max": 800 * meals},
        {"nutrient": "protein", "min": 20 * meals, "soft": True},
    ]
    request["weights"]["cost"] = 0.3
    return request


def _keep_small(request: dict[str, Any]) -> None:
    """Keep as many recipes and days as an exhaustive search can try for several people."""
    request["recipes"] = request["recipes"][:4]
    horizon, constraints = request["planning_horizon"], request["constraints"]
    horizon["days"] = min(horizon["days"], 3 if len(horizon["meal_types"]) == 1 else 1)
    horizon["meal_types"] = horizon["meal_types"][:2]
    meals = horizon["meal_types"]
    last = (START + timedelta(horizon["days"] - 1)).isoformat()
    known = {recipe["id"] for recipe in request["recipes"]}
    constraints["locked_meals"] = [
        lock
        for lock in constraints["locked_meals"]
        if lock["recipe_id"] in known
        and lock["date"] <= last
        and lock.get("meal_type") in (None, *meals)
    ]
    constraints["excluded_recipes"] = [r for r in constraints["excluded_recipes"] if r in known]
    constraints["time_budgets"] = {
        day: {meal: minutes for meal, minutes in budget.items() if meal in meals}
        if isinstance(budget, dict)
        else budget
        for day, budget in constraints["time_budgets"].items()
        if day <= last
    }


def _add_prices(rng: random.Random, request: dict[str, Any]) -> None:
    for recipe in request["recipes"]:
        for ingredient in recipe["ingredients"]:
            number = int(ingredient["ingredient_id"][1:])
            if number % 5:
                ingredient["price"] = f"{1 + number % 7}.{number % 10}5"
                ingredient["price_quantity"] = ingredient["quantity"]
            if number % 3 == 0:
                ingredient["package_quantity"] = 2 + number * ingredient["quantity"] / 4
    request["weights"]["cost"] = rng.choice((0, 0.2, 1))
    if rng.random() < 0.5:
        request["constraints"]["budget"] = rng.choice(("0", "5.00", "12.50", "30"))


def _add_leftovers(rng: random.Random, request: dict[str, Any]) -> None:
    """Let some recipes keep, on fewer days and with fewer recipes than otherwise."""
    constraints, horizon = request["constraints"], request["planning_horizon"]
    if len(request.get("people", ())) > 1:
        request["people"] = request["people"][:2]
    for recipe in request["recipes"][:2]:
        recipe["keeps_days"] = rng.randint(0, 2)
        recipe["freezes"] = rng.random() < 0.2
    if rng.random() < 0.5:
        constraints["max_cooking_days"] = rng.randint(1, 2)
    day = (START + timedelta(rng.randrange(horizon["days"]))).isoformat()
    if rng.random() < 0.4:
        constraints[rng.choice(("no_cooking", "no_leftovers"))] = [
            rng.choice((day, {"date": day, "meal_type": horizon["meal_types"][0]}))
        ]


def _add_substitutes(rng: random.Random, request: dict[str, Any]) -> None:
    foods = sorted({i["ingredient_id"] for r in request["recipes"][:2] for i in r["ingredients"]})
    request["substitutes"] = [
        {
            "ingredient_id": f"i{(int(food[1:]) + rng.randint(1, 13)) % 14}",
            "instead_of": food,
            "ratio": rng.choice((0.5, 1, 2)),
            "penalty": rng.choice((0, 0.1, 0.5)),
        }
        for food in rng.sample(foods, 1)
    ]


def _add_nutrition(rng: random.Random, request: dict[str, Any]) -> None:
    for recipe in request["recipes"]:
        recipe["nutrition"] = {
            "kcal": rng.randrange(200, 900),
            **({"protein": rng.randrange(5, 60) / 2} if rng.random() < 0.8 else {}),
        }
    meals = len(request["planning_horizon"]["meal_types"])
    people = [person["id"] for person in request.get("people", ())]
    request["constraints"]["nutrition"] = [
        {
            **rng.choice(
                (
                    {"nutrient": "kcal", "max": 700 * meals},
                    {"nutrient": "kcal", "min": 450.5 * meals},
                    {"nutrient": "protein", "min": 10 * meals, "max": 25 * meals},
                    {"nutrient": "kcal", "max": 3_000 * meals, "per": "week"},
                )
            ),
            "soft": rng.random() < 0.5,
            **({"person": rng.choice(people)} if people and rng.random() < 0.4 else {}),
        }
        for _ in range(rng.randint(1, 2))
    ]
    request["weights"]["nutrition"] = rng.choice((0.1, 0.5, 1))


def _person(rng: random.Random, number: int, tags: list[str]) -> dict[str, Any]:
    person: dict[str, Any] = {"id": f"p{number}", "name": f"Person {number}"}
    if rng.random() < 0.5:
        person["servings"] = rng.choice((0.5, 1, 1.5, 2))
    if rng.random() < 0.4:
        person["dislikes"] = [f"i{rng.randrange(14)}"]
    if rng.random() < 0.3 and tags:
        person[rng.choice(("excluded_tags", "required_tags"))] = [rng.choice(tags)]
    return person
