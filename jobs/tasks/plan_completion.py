"""What other models add to a solved plan: the categories of its purchases, and a summary."""

from collections.abc import Mapping

from jobs.tasks.categorizer import Categorizer
from sidecar.classification.schemas import DEFAULT_LABELS
from sidecar.core.errors import ModelUnavailable, Overloaded
from sidecar.llm.protocol import ChatEngine
from sidecar.planning.aisles import foods, in_aisles
from sidecar.planning.llm_summary import summarize
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schemas import PlanRequest

_WARNING = "The shopping list has no categories: the classifier did not answer."


async def complete_plan(
    categorizer: Categorizer,
    engine: ChatEngine,
    tenant_id: str,
    request: PlanRequest,
    plan: PlanAnswer,
    *,
    summary: bool,
) -> Mapping[str, object]:
    """Return the plan as JSON-ready data, with its shopping list in the order of the aisles.

    With `summary`, it has the language model's summary too, if there is one.
    """
    plan = await _add_aisles(categorizer, tenant_id, request, plan)
    if summary:
        text = await summarize(engine, request, plan, tenant_id=tenant_id)
        plan = plan.model_copy(update={"summary": text})
    return plan.wire()


async def _add_aisles(
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
