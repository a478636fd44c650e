"""A plan's result as its page shows it: days with their meals, what to buy, and the reasons.

Old outputs may lack fields that newer ones have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORDS = {
    "optimal": "The best plan there is.",
    "timeout": "The best plan that was found in the time.",
    "infeasible": "No plan meets every constraint.",
    "no_solution": "No plan was found in the time.",
}


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """A plan."""

    status: str
    summary: str
    meal_types: Sequence[str]
    days: Sequence[tuple[str, Sequence[Sequence[str]]]]  # a date, and recipes by meal type
    purchases: Sequence[tuple[str, str]]  # what, and how much of it
    cost: str | None
    reasons: Sequence[str]
    conflicts: Sequence[str]

    @property
    def failed(self) -> bool:
        """Whether there is no plan."""
        return self.status in ("infeasible", "no_solution")


def plan_view(output: Mapping[str, Any] | None) -> PlanView | None:
    """Return the view, or None if the job has planned nothing."""
    if output is None or "meal_plan" not in output or "shopping_list" not in output:
        return None
    meals = output["meal_plan"]
    meal_types = list(dict.fromkeys(meal["meal_type"] for meal in meals))
    dates = sorted({meal["date"] for meal in meals})
    status = output.get("status", "")
    cost = (output.get("metrics") or {}).get("cost") or {}
    return PlanView(
        status=status,
        summary=_WORDS.get(status, status),
        meal_types=meal_types,
        days=[
            (
                date,
                [
                    [
                        meal["recipe_name"]
                        for meal in meals
                        if (meal["date"], meal["meal_type"]) == (date, meal_type)
                    ]
                    for meal_type in meal_types
                ],
            )
            for date in dates
        ],
        purchases=[
            (entry["name"], f"{entry['quantity']:g} {entry['unit']}")
            for entry in output["shopping_list"]
        ],
        cost=" ".join(filter(None, (str(cost["total"]), cost.get("currency")))) if cost else None,
        reasons=output.get("explanation", ()),
        conflicts=output.get("conflicts", ()),
    )
