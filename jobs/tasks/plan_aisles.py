"""Adds the categories of a plan's purchases, by the classifier and the tenant's corrections."""

from jobs.tasks.categorizer import Categorizer
from sidecar.classification.schemas import DEFAULT_LABELS
from sidecar.core.errors import ModelUnavailable, Overloaded
from sidecar.planning.aisles import foods, in_aisles
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schemas import PlanRequest

_WARNING = "The shopping list has no categories: the classifier did not answer."


async def add_aisles(
    categorizer: Categorizer, tenant_id: str, request: PlanRequest, plan: PlanAnswer
) -> PlanAnswer:
    """Return the plan with its shopping list in the order of the request's aisles, if it has any.

    Without the classifier, a warning takes the place of the categories.
    """
    names = foods(plan)
    if request.aisles is None or not names:
        return plan
    aisles = request.aisles or tuple(DEFAULT_LABELS)
    try:
        found = await categorizer.categorize(tenant_id, names, aisles)
    except (ModelUnavailable, Overloaded):
        return plan.model_copy(update={"warnings": (*plan.warnings, _WARNING)})
    labels = [prediction.best[0] for prediction in found.predictions]
    return in_aisles(plan, aisles, dict(zip(names, labels, strict=True)))
