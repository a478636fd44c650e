"""Small planner requests, written by hand."""

from typing import Any


def ingredient(name: str, quantity: float, unit: str = "g") -> dict[str, Any]:
    return {"ingredient_id": name, "name": name.title(), "quantity": quantity, "unit": unit}


def recipe(
    name: str, *ingredients: dict[str, Any], minutes: int = 30, **more: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "name": name.title(),
        "cook_time": minutes,
        "ingredients": list(ingredients) or [ingredient("rice", 100)],
        **more,
    }


def request(recipes: list[dict[str, Any]], *, days: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "planning_horizon": {"start_date": "2026-01-12", "days": days, "meal_types": ["dinner"]},
        "recipes": recipes,
        "timeout_ms": 10_000,
        **more,
    }
