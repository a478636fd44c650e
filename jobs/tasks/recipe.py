"""The job type recipe_extraction: a recipe of a photograph, PDF, page or text."""

from collections.abc import Iterator

from pydantic import BaseModel

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from jobs.tasks.receipt import StoredImage
from sidecar.recipes.schemas import MODEL_ID, MODEL_VERSION


class RecipeJob(BaseModel):
    """The stored input_payload of recipe_extraction: a reference to an image, HTML or a text."""

    image: StoredImage | None = None
    text: str | None = None
    html: str | None = None
    language: str | None = None


def read_recipe(context: JobContext) -> Iterator[Progress | JobResult]:
    """Yield progress, then the recipe.

    Pages are parsed here, where time and memory are bounded: a small page may nest deep enough to
    take either.

    Raises:
        ValidationFailed: when a page has no recipe.
        InvalidImage, UnsupportedImage, UnreadablePdf, TooLarge: when an image can't be read.
    """
    # Imported where the work runs, as for receipts.
    from sidecar.recipes.html import read_html
    from sidecar.recipes.text import read_text

    job = RecipeJob.model_validate(context.payload)
    yield 0.0
    if context.image is not None:
        lines, confidence = _recognize(context.image, context)
        output = read_text("\n".join(lines), job.language).response(job.language, "image")
        output["ocr_confidence"] = confidence
        output["raw_ocr_text"] = "\n".join(lines)
    elif job.html is not None:
        output = read_html(job.html).response(job.language, "html")
    else:
        output = read_text(job.text or "", job.language).response(job.language, "text")
    yield JobResult(output=output, model_id=MODEL_ID, model_version=MODEL_VERSION)


def _recognize(image: bytes, context: JobContext) -> tuple[list[str], float]:
    """Return the lines of an image's text, and their mean confidence, 0 without any."""
    from sidecar.receipts.ocr.engine import engine
    from sidecar.receipts.options import ReceiptOptions
    from sidecar.receipts.pages.decode import ImageLimits
    from sidecar.receipts.reader import first_rows
    from sidecar.recipes.columns import lines_of

    settings = context.settings
    limits = ImageLimits.configured(settings)
    rows = first_rows(image, ReceiptOptions(), engine(settings.receipt.threads), limits)
    confidence = sum(row.confidence for row in rows) / max(1, len(rows))
    return lines_of(rows), round(confidence, 3)
