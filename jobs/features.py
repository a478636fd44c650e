"""Every feature: its stored payload, its work, and the limits of an attempt."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

from pydantic import BaseModel

from deployments import tracing
from deployments.planner.answer import MODEL_ID as PLANNER_ID
from deployments.planner.answer import MODEL_VERSION as PLANNER_VERSION
from deployments.planner.answer import Incumbent, PlanAnswer
from deployments.planner.prose import summed_up
from deployments.planner.request import MAX_TIMEOUT_MS, PlanRequest
from deployments.settings import Settings
from jobs.job import Outcome, Progress, SoFar
from jobs.meant import with_meant_matches
from jobs.models import Models
from jobs.receipts.options import ReceiptOptions
from jobs.receipts.vision import doubtful
from jobs.second_look import second_look
from jobs.settled import with_settled_matches
from jobs.texts import categorize_items, embed_texts, with_categories
from jobs.work import AskModels, Feature, Work


class StoredImage(BaseModel):
    """How a job's payload refers to an image."""

    sha256: str
    media_type: str
    size: int


class ReceiptJob(BaseModel):
    """The stored input_payload of receipt_extraction."""

    image: StoredImage
    options: ReceiptOptions


RECEIPT_EXTRACTION = "receipt_extraction"
MEAL_OPTIMIZATION = "meal_optimization"
EMBEDDING_BATCH = "embedding_batch"
CATEGORIZATION_BATCH = "categorization_batch"


def features(settings: Settings) -> Mapping[str, Feature]:
    """Every feature that this service can do as a job, by name."""
    receipts = Feature(
        name=RECEIPT_EXTRACTION,
        work=read_receipt,
        time_limit_s=settings.receipt_time_limit_s,
        max_attempts=settings.receipt_max_attempts,
        cpus=float(settings.receipt_threads),
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


def read_receipt(work: Work) -> Iterator[Progress | Outcome]:
    """The work of receipt_extraction."""
    # Imported where the work runs: the reader brings OpenCV and an inference runtime, which neither
    # the ingress nor the runner should carry.
    from jobs.receipts.image import ImageLimits
    from jobs.receipts.ocr import engine
    from jobs.receipts.reader import MODEL_ID, MODEL_VERSION, read

    if work.image is None:
        raise ValueError("a receipt job without its image")
    settings = work.settings
    job = ReceiptJob.model_validate(work.payload)
    limits = ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_pages=settings.max_image_pages,
    )
    accuracy = job.options.accuracy or settings.receipt_accuracy
    options = job.options.model_copy(update={"accuracy": accuracy})
    steps = read(work.image, options, engine(settings.receipt_threads), limits)
    stage, since = None, time.time_ns()
    while True:
        try:
            step = next(steps)
        except StopIteration as finished:
            extraction = finished.value
            break
        if step.stage != stage:
            now = time.time_ns()
            if stage is not None:
                _passed(work, stage, since, now)
            stage, since = step.stage, now
        yield step.fraction
    if stage is not None:
        _passed(work, stage, since, time.time_ns())
    flat = extraction.flat()
    pages: tuple[bytes, ...] = ()
    if settings.engine_sees and (
        job.options.engine == "vision"
        or (job.options.engine == "auto" and doubtful(flat, settings.receipt_second_look_below))
    ):
        from jobs.receipts.drawn import drawn_pages

        pages = drawn_pages(work.image, limits, settings.engine_max_images)
    yield Outcome(
        output=flat,
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        marks=[mark for mark in (job.image.sha256, extraction.mark) if mark],
        pages=pages,
    )


async def completed_receipt(work: Work, outcome: Outcome, models: Models) -> Outcome:
    """What the served models add: a second reading where it is wanted; then, of the lines, what
    the tenant has settled, what they mean and what the classifier knows.
    """
    options = ReceiptOptions.model_validate(work.payload["options"])
    read = await second_look(options, outcome, models)
    settled = await with_settled_matches(work.tenant_id, options, read, models)
    meant = await with_meant_matches(options, settled, models)
    return await with_categories(work.tenant_id, options, meant, models)


def _passed(work: Work, stage: str, start_ns: int, end_ns: int) -> None:
    """Tells of a stage of the reader that is over."""
    work.meter.observe("sidecar_receipt_stage_seconds", (end_ns - start_ns) / 1e9, stage=stage)
    tracing.record(stage, work.traceparent, start_ns, end_ns)


def plan_meals(work: Work) -> Iterator[Progress | Outcome]:
    """The work of meal_optimization. It is as far as its time is used up, and has the worth of the
    best plan by now.
    """
    from deployments.planner.solve import solve

    request = PlanRequest.model_validate(work.payload)
    incumbents: SimpleQueue[Incumbent | None] = SimpleQueue()
    with ThreadPoolExecutor(max_workers=1) as solver:
        answer = solver.submit(solve, request, clock=time.monotonic, on_incumbent=incumbents.put)
        answer.add_done_callback(lambda _: incumbents.put(None))
        while (incumbent := incumbents.get()) is not None:
            used = min(0.99, incumbent.elapsed_ms / request.timeout_ms)
            yield SoFar(used, detail=incumbent.wire())
    yield Outcome(output=answer.result().wire(), model_id=PLANNER_ID, model_version=PLANNER_VERSION)


async def plan_in_prose(work: Work, outcome: Outcome, models: Models) -> Outcome:
    """The plan with a summary in the language model's words, where it has any."""
    request = PlanRequest.model_validate(work.payload)
    plan = PlanAnswer.model_validate(outcome.output)
    return replace(outcome, output=await summed_up(models.engine, request, plan))
