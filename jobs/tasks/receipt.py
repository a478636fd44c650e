"""The work of receipt_extraction, and what a job of it is stored as."""

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
    """How a job's payload refers to an image."""

    sha256: str
    media_type: str
    size: int


class ReceiptJob(BaseModel):
    """The stored input_payload of receipt_extraction."""

    image: StoredImage
    options: ReceiptOptions


def read_receipt(work: JobContext) -> Iterator[Progress | JobResult]:
    """The work of receipt_extraction."""
    # Imported where the work runs: the reader brings OpenCV and an inference runtime, which neither
    # the ingress nor the runner should carry.
    from sidecar.receipts.ocr.engine import engine
    from sidecar.receipts.pages.decode import ImageLimits
    from sidecar.receipts.reader import MODEL_ID, MODEL_VERSION, read

    if work.image is None:
        raise ValueError("a receipt job without its image")
    settings = work.settings
    job = ReceiptJob.model_validate(work.payload)
    limits = ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_pages=settings.max_image_pages,
    )
    accuracy = job.options.accuracy or settings.receipt.accuracy
    options = job.options.model_copy(update={"accuracy": accuracy})
    steps = read(work.image, options, engine(settings.receipt.threads), limits)
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
    if settings.engine.vision and (
        job.options.engine == "vision"
        or (
            job.options.engine == "auto" and needs_second_read(flat, settings.receipt.vlm_threshold)
        )
    ):
        from sidecar.receipts.pages.document import render_pages

        pages = render_pages(work.image, limits, settings.engine.max_images)
    yield JobResult(
        output=flat,
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        dedup_keys=[mark for mark in (job.image.sha256, extraction.mark) if mark],
        pages=pages,
    )


def load_reader(settings: Settings) -> None:
    """Loads the modules and models of the reader into this process."""
    from sidecar.receipts import reader  # noqa: F401
    from sidecar.receipts.ocr.engine import engine

    engine(settings.receipt.threads)


def _passed(work: JobContext, stage: str, start_ns: int, end_ns: int) -> None:
    """Tells of a stage of the reader that is over."""
    work.meter.observe("sidecar_receipt_stage_seconds", (end_ns - start_ns) / 1e9, stage=stage)
    tracing.record_span(stage, work.traceparent, start_ns, end_ns)
