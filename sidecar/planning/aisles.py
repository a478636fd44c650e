"""Shopping lists of plans in the order of a shop's aisles."""

from collections.abc import Mapping, Sequence

from sidecar.planning.response import PlanAnswer, Purchase


def foods(plan: PlanAnswer) -> list[str]:
    """Return the names of all that a plan or its alternatives buy."""
    lists = [plan.shopping_list, *(other.shopping_list for other in plan.alternatives)]
    return list(dict.fromkeys(purchase.name for entries in lists for purchase in entries))


def in_aisles(plan: PlanAnswer, aisles: Sequence[str], aisle_of: Mapping[str, str]) -> PlanAnswer:
    """Return the plan with its purchases' categories, in the order of the aisles."""
    order = {aisle: number for number, aisle in enumerate(aisles)}

    def sorted_list(purchases: Sequence[Purchase]) -> tuple[Purchase, ...]:
        placed = [p.model_copy(update={"category": aisle_of.get(p.name)}) for p in purchases]
        return tuple(sorted(placed, key=lambda p: order.get(p.category or "", len(order))))

    alternatives = tuple(
        other.model_copy(update={"shopping_list": sorted_list(other.shopping_list)})
        for other in plan.alternatives
    )
    return plan.model_copy(
        update={"shopping_list": sorted_list(plan.shopping_list), "alternatives": alternatives}
    )
