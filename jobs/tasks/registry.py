"""What kinds of job there are: the work of each, and the limits of an attempt."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from jobs.queue.job import Outcome, Progress
from jobs.queue.job_context import Work
from jobs.tasks.meal_plan import plan_meals
from jobs.tasks.meant import with_meant_matches
from jobs.tasks.model_clients import Models
from jobs.tasks.receipt import load_reader, read_receipt
from jobs.tasks.second_look import second_look
from jobs.tasks.settled import with_settled_matches
from jobs.tasks.texts import categorize_items, embed_texts, with_categories
from sidecar.core.settings import Settings
from sidecar.planning.llm_summary import summed_up
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schemas import MAX_TIMEOUT_MS, PlanRequest
from sidecar.receipts.options import ReceiptOptions

RECEIPT_EXTRACTION = "receipt_extraction"
MEAL_OPTIMIZATION = "meal_optimization"
EMBEDDING_BATCH = "embedding_batch"
CATEGORIZATION_BATCH = "categorization_batch"


@dataclass(frozen=True)
class AskModels:
    """Work that leaves everything heavy to the served models."""

    ask: Callable[[Work, Models], AsyncIterator[Progress | Outcome]]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One kind of job."""

    name: str
    #: What an attempt runs: yields its progress (0 to 1) as it goes, and its Outcome last. Raises a
    #: ServiceError for what it can't do. Either a module-level function, which travels by its name
    #: to a worker process of its own; or one that only asks the served models, and stays here.
    work: Callable[[Work], Iterator[Progress | Outcome]] | AskModels
    time_limit_s: float  # the attempt is killed after this
    max_attempts: int
    cpus: float = 0.0  # of the worker process
    #: Loads what the work needs into a process that waits for it.
    warm_up: Callable[[Settings], None] | None = None
    #: What the served models add to the outcome.
    complete: Callable[[Work, Outcome, Models], Awaitable[Outcome]] | None = None


def features(settings: Settings) -> Mapping[str, Feature]:
    """Every feature that this service can do as a job, by name."""
    receipts = Feature(
        name=RECEIPT_EXTRACTION,
        work=read_receipt,
        time_limit_s=settings.receipt_time_limit_s,
        max_attempts=settings.receipt_max_attempts,
        cpus=float(settings.receipt_threads),
        warm_up=load_reader,
        complete=completed_receipt,
    )
    plans = Feature(
        name=MEAL_OPTIMIZATION,
        work=plan_meals,
        time_limit_s=2 * MAX_TIMEOUT_MS / 1000,  # a solve ends by itself in half of it
        max_attempts=settings.planner_max_attempts,
        cpus=1.0,
        complete=plan_in_prose if settings.planner_prose else None,
    )
    embeddings = Feature(
        name=EMBEDDING_BATCH,
        work=AskModels(embed_texts),
        time_limit_s=settings.text_time_limit_s,
        max_attempts=settings.text_max_attempts,
    )
    categories = Feature(
        name=CATEGORIZATION_BATCH,
        work=AskModels(categorize_items),
        time_limit_s=settings.text_time_limit_s,
        max_attempts=settings.text_max_attempts,
    )
    return {feature.name: feature for feature in (receipts, plans, embeddings, categories)}


async def completed_receipt(work: Work, outcome: Outcome, models: Models) -> Outcome:
    """What the served models add: a second reading where it is wanted; then, of the lines, what
    the tenant has settled, what they mean and what the classifier knows.
    """
    options = ReceiptOptions.model_validate(work.payload["options"])
    read = await second_look(options, outcome, models)
    settled = await with_settled_matches(work.tenant_id, options, read, models)
    meant = await with_meant_matches(options, settled, models)
    return await with_categories(work.tenant_id, options, meant, models)


async def plan_in_prose(work: Work, outcome: Outcome, models: Models) -> Outcome:
    """The plan with a summary in the language model's words, where it has any."""
    request = PlanRequest.model_validate(work.payload)
    plan = PlanAnswer.model_validate(outcome.output)
    return replace(outcome, output=await summed_up(models.engine, request, plan))
