"""Reasons for the substitutes in a plan: a wish, a budget, a purchase or a price saved."""

from collections.abc import Sequence

from sidecar.planning.constraint_words import listed, money
from sidecar.planning.problem import Plan, Problem, Substitution
from sidecar.planning.scoring import assess, is_feasible, purchase_cost


def substitution_reasons(problem: Problem, plan: Plan, slots: Sequence[int]) -> tuple[str, ...]:
    """Return a reason for each substitution of the dish that these slots share."""
    dish = problem.dishes[plan[slots[0]]]
    return tuple(_reason(problem, plan, slots, substitution) for substitution in dish.substitutions)


def _reason(problem: Problem, plan: Plan, slots: Sequence[int], substitution: Substitution) -> str:
    number = _without(problem, plan[slots[0]], substitution)
    if number is None:
        return "the other substitutes need it"
    dish = problem.dishes[number]
    if dish.barred:
        return f"no recipe may contain {problem.excluded_ingredients[dish.barred[0].wish]}"
    wishes = sorted({wish for slot in slots for wish in problem.denials(number, slot)})
    if wishes:
        return listed([problem.wishes[wish].sentence for wish in wishes[:3]])
    other = tuple(number if slot in slots else dish for slot, dish in enumerate(plan))
    now, then = assess(problem, plan), assess(problem, other)
    if saved := sorted(problem.items[item].name for item in then.purchases - now.purchases):
        return f"it saves buying {listed(saved)}"
    cheaper = purchase_cost(problem, then.shortfalls) - purchase_cost(problem, now.shortfalls)
    if cheaper > 0:
        return f"it saves {money(problem, cheaper)}"
    if not is_feasible(problem, other):
        return "the plan keeps its limits with it"
    return "the plan is worth more with it"


def _without(problem: Problem, number: int, substitution: Substitution) -> int | None:
    """Return the version of a dish without one of its substitutions."""
    dish = problem.dishes[number]
    rest = tuple(other for other in dish.substitutions if other != substitution)
    for other, candidate in enumerate(problem.dishes):
        if (candidate.recipe, candidate.age, candidate.substitutions) == (
            dish.recipe,
            dish.age,
            rest,
        ):
            return other
    return None
