"""Small planner requests, by hand and by hypothesis."""

from typing import Any

from hypothesis import strategies as st

INGREDIENTS = ("spinach", "rice", "egg", "beef")


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


_QUANTITIES = st.sampled_from([50, 100, 200, 300])
_RECIPES = st.builds(
    lambda parts, minutes, cuisine, favourite: {
        "cook_time": minutes,
        "cuisine": cuisine,
        "is_favorite": favourite,
        "ingredients": [ingredient(name, quantity) for name, quantity in parts.items()],
    },
    st.dictionaries(st.sampled_from(INGREDIENTS), _QUANTITIES, min_size=1, max_size=3),
    st.sampled_from([10, 30, 60]),
    st.sampled_from([None, "thai", "greek"]),
    st.booleans(),
)
_INVENTORY = st.lists(
    st.builds(
        lambda name, quantity, expiry: {**ingredient(name, quantity), "days_until_expiry": expiry},
        st.sampled_from(INGREDIENTS),
        _QUANTITIES,
        st.sampled_from([None, -1, 0, 1, 5]),
    ),
    max_size=4,
)
_CONSTRAINTS = st.fixed_dictionaries(
    {"max_repeats": st.sampled_from([1, 2])},
    optional={
        "max_shopping_items": st.integers(0, 3),
        "time_budgets": st.dictionaries(
            st.sampled_from(["2026-01-12", "2026-01-13"]), st.sampled_from([10, 30, 60]), max_size=2
        ),
    },
)
_WEIGHTS = st.fixed_dictionaries(
    {
        name: st.sampled_from([0.0, 0.5, 1.0])
        for name in ("expiring_priority", "shopping_minimization", "variety", "time_fit")
    }
)
SMALL_REQUESTS = st.builds(
    lambda recipes, days, **more: request(
        [{"id": f"r{n}", "name": f"Dish {n}", **one} for n, one in enumerate(recipes)],
        days=days,
        **more,
    ),
    st.lists(_RECIPES, min_size=1, max_size=4),
    st.integers(2, 3),
    inventory=_INVENTORY,
    constraints=_CONSTRAINTS,
    weights=_WEIGHTS,
)
