"""The registry of job types: every kind of job that this service runs."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import InProcessWork, JobType
from jobs.tasks.categorization import categorize_items
from jobs.tasks.embedding import embed_texts
from jobs.tasks.meal_plan import plan_meals
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.plan_completion import complete_plan
from jobs.tasks.receipt import load_reader, read_receipt
from jobs.tasks.receipt_enrichment import enrich_receipt
from jobs.tasks.recipe import read_recipe
from sidecar.core.settings import Settings
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schema_types import MAX_TIMEOUT_MS
from sidecar.planning.schemas import PlanRequest

RECEIPT_EXTRACTION = "receipt_extraction"
MEAL_OPTIMIZATION = "meal_optimization"
RECIPE_EXTRACTION = "recipe_extraction"
EMBEDDING_BATCH = "embedding_batch"
CATEGORIZATION_BATCH = "categorization_batch"


def job_types(settings: Settings, models: ModelClients) -> Mapping[str, JobType]:
    """Return every job type by name, bound to the models that its work calls."""
    receipts = JobType(
        name=RECEIPT_EXTRACTION,
        run=read_receipt,
        timeout_s=settings.receipt.timeout_s,
        max_attempts=settings.receipt.max_attempts,
        cpus=float(settings.receipt.threads),
        warm_up=load_reader,
        complete=partial(enrich_receipt, models),
    )
    recipes = JobType(
        name=RECIPE_EXTRACTION,
        run=read_recipe,
        timeout_s=settings.receipt.timeout_s,
        max_attempts=settings.receipt.max_attempts,
        cpus=float(settings.receipt.threads),
    )
    plans = JobType(
        name=MEAL_OPTIMIZATION,
        run=plan_meals,
        timeout_s=2 * MAX_TIMEOUT_MS / 1000,  # a solve ends by itself within half of it
        max_attempts=settings.planner.max_attempts,
        cpus=1.0,
        complete=partial(_complete_plan, models, settings.planner.summary),
    )
    embeddings = JobType(
        name=EMBEDDING_BATCH,
        run=InProcessWork(partial(embed_texts, models)),
        timeout_s=settings.text.timeout_s,
        max_attempts=settings.text.max_attempts,
    )
    categories = JobType(
        name=CATEGORIZATION_BATCH,
        run=InProcessWork(partial(categorize_items, models)),
        timeout_s=settings.text.timeout_s,
        max_attempts=settings.text.max_attempts,
    )
    types = (receipts, recipes, plans, embeddings, categories)
    return {job_type.name: job_type for job_type in types}


async def _complete_plan(
    models: ModelClients, summary: bool, context: JobContext, result: JobResult
) -> JobResult:
    """Add the categories of the shopping list, and a summary if it is wished."""
    if context.payload.get("aisles") is None and not summary:
        return result
    output = await complete_plan(
        models.categorizer,
        models.engine,
        context.tenant_id,
        PlanRequest.model_validate(context.payload),
        PlanAnswer.model_validate(result.output),
        summary=summary,
    )
    return replace(result, output=output)
