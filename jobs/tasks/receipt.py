"""The job type receipt_extraction: OCR of a receipt, and the payload of its jobs."""

import time
from collections.abc import Iterator

from pydantic import BaseModel

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from sidecar.core import tracing
from sidecar.core.settings import Settings
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.vlm import needs_second_read


class StoredImage(BaseModel):
    """A payload's reference to an image blob."""

    sha256: str
    media_type: str
    size: int


class ReceiptJob(BaseModel):
    """The stored input_payload of receipt_extraction."""

    image: StoredImage
    options: ReceiptOptions


def read_receipt(context: JobContext) -> Iterator[Progress | JobResult]:
    """Yield progress, then the receipt with the pages that need a second read."""
    # Imported where the work runs: neither the ingress nor the worker should load OpenCV and an
    # inference runtime.
    from sidecar.receipts.ocr.engine import engine
    from sidecar.receipts.pages.decode import ImageLimits
    from sidecar.receipts.pages.document import render_pages
    from sidecar.receipts.reader import MODEL_ID, MODEL_VERSION, read

    if context.image is None:
        raise ValueError("a receipt job without its image")
    settings = context.settings
    job = ReceiptJob.model_validate(context.payload)
    limits = ImageLimits.configured(settings)
    accuracy = job.options.accuracy or settings.receipt.accuracy
    options = job.options.model_copy(update={"accuracy": accuracy})
    steps = read(context.image, options, engine(settings.receipt.threads), limits)
    stage, started_ns = None, time.time_ns()
    while True:
        try:
            step = next(steps)
        except StopIteration as finished:
            extraction = finished.value
            break
        if step.stage != stage:
            now_ns = time.time_ns()
            if stage is not None:
                _record_stage(context, stage, started_ns, now_ns)
            stage, started_ns = step.stage, now_ns
        yield step.fraction
    if stage is not None:
        _record_stage(context, stage, started_ns, time.time_ns())
    output = extraction.flat()
    pages: tuple[bytes, ...] = ()
    if settings.engine.reads_images and (
        job.options.engine == "vision"
        or (
            job.options.engine == "auto"
            and needs_second_read(output, settings.receipt.vlm_threshold)
        )
    ):
        pages = render_pages(context.image, limits, settings.engine.max_images)
    yield JobResult(
        output=output,
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        dedup_keys=[key for key in (job.image.sha256, extraction.dedup_key) if key],
        pages=pages,
    )


def load_reader(settings: Settings) -> None:
    """Load the reader's modules and models into this process."""
    from sidecar.receipts import reader  # noqa: F401
    from sidecar.receipts.ocr.engine import engine

    engine(settings.receipt.threads)


def _record_stage(context: JobContext, stage: str, start_ns: int, end_ns: int) -> None:
    context.meter.observe("sidecar_receipt_stage_seconds", (end_ns - start_ns) / 1e9, stage=stage)
    tracing.record_span(stage, context.traceparent, start_ns, end_ns)
