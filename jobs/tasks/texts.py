"""The jobs that ask the served text models: embedding_batch and categorization_batch; and the
categories of a receipt's line items.

Nothing heavy happens here: the models work in their own replicas, a chunk at a time, so that
whoever waits for an answer gets in between.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jobs.queue.job import Outcome, Progress
from jobs.queue.job_context import Work
from jobs.tasks.model_clients import Models
from sidecar.classification.backend import Placed
from sidecar.classification.schemas import CategorizeBatch, Labels, NamedItem, batch_answer
from sidecar.core.errors import ModelUnavailable, Overloaded
from sidecar.core.validation import at_most, distinct
from sidecar.embedding.schemas import EmbedBatchRequest, answer
from sidecar.receipts.models import warned
from sidecar.receipts.options import ReceiptOptions

MAX_JOB_ITEMS = 10_000
_CHUNK_ITEMS = 100


class CategorizeJob(CategorizeBatch):
    """As the endpoint takes it, with more items."""

    items: Annotated[
        tuple[NamedItem, ...],
        at_most(MAX_JOB_ITEMS, "items"),
        Field(min_length=1),
        distinct("ids", lambda item: item.id),
    ]
    candidate_labels: Labels


async def embed_texts(work: Work, models: Models) -> AsyncIterator[Progress | Outcome]:
    """The work of embedding_batch: its progress, and the answer of embed/batch."""
    request = EmbedBatchRequest.model_validate(work.payload)
    texts = [text.text for text in request.texts]
    described = await models.embedder()
    parts = []
    for start in range(0, len(texts), request.batch_size):
        parts.append(await models.embed(texts[start : start + request.batch_size]))
        yield min(1.0, (start + request.batch_size) / len(texts))
    output = answer(request, np.concatenate(parts), described.model, described.version)
    yield Outcome(output=output, model_id=described.model, model_version=described.version)


async def categorize_items(work: Work, models: Models) -> AsyncIterator[Progress | Outcome]:
    """The work of categorization_batch: its progress, and the answer of categorize-batch."""
    request = CategorizeJob.model_validate(work.payload)
    started = time.perf_counter()
    placed: list[Placed] = []
    for start in range(0, len(request.items), _CHUNK_ITEMS):
        names = [item.name for item in request.items[start : start + _CHUNK_ITEMS]]
        found = await models.categories.of(work.tenant_id, names, request.candidate_labels)
        placed += found.placed
        yield min(1.0, (start + _CHUNK_ITEMS) / len(request.items))
    output = batch_answer(request.items, placed, (time.perf_counter() - started) * 1000)
    yield Outcome(output=output, model_id=found.model_id, model_version=found.model_version)


async def with_categories(
    tenant_id: str, options: ReceiptOptions, outcome: Outcome, models: Models
) -> Outcome:
    """The outcome of receipt_extraction, each line item with its category when they were asked for.

    A classifier that is away costs the categories, not the receipt: a warning says so.
    """
    items = outcome.output["line_items"]
    if not options.categorize or not items:
        return outcome
    names = [item["parsed_name"] or item["raw_text"] for item in items]
    try:
        found = await models.categories.of(tenant_id, names, options.candidate_labels)
    except (ModelUnavailable, Overloaded):
        warning = "The line items have no categories: the classifier did not answer."
        return replace(outcome, output=warned(outcome.output, warning))
    categories = [
        {"category": placed.best[0], "category_confidence": placed.best[1]}
        for placed in found.placed
    ]
    both = {
        form: [
            {**item, **category}
            for item, category in zip(outcome.output[form], categories, strict=True)
        ]
        for form in ("items", "line_items")
    }
    return replace(outcome, output={**outcome.output, **both})
