"""The job type categorization_batch: categories of thousands of names, from the classifier.

The names go there a chunk at a time, so that requests whose callers wait get in between.
"""

import time
from collections.abc import AsyncIterator
from operator import attrgetter
from typing import Annotated

from pydantic import Field

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from jobs.tasks.model_clients import ModelClients
from sidecar.classification.backend import Prediction
from sidecar.classification.schemas import (
    DEFAULT_LABELS,
    CategorizeBatchRequest,
    NamedItem,
    OptionalLabels,
    categorize_batch_response,
)
from sidecar.core.validation import max_length, unique

MAX_JOB_ITEMS = 10_000
_CHUNK_ITEMS = 100


class CategorizationJob(CategorizeBatchRequest):
    """The payload of POST /api/v1/categorize-batch, with more items."""

    items: Annotated[
        tuple[NamedItem, ...],
        max_length(MAX_JOB_ITEMS, "items"),
        Field(min_length=1),
        unique("ids", attrgetter("id")),
    ]
    candidate_labels: OptionalLabels = DEFAULT_LABELS


async def categorize_items(
    models: ModelClients, context: JobContext
) -> AsyncIterator[Progress | JobResult]:
    """Yield progress, then the response of POST /api/v1/categorize-batch.

    Raises:
        ModelUnavailable: when the classifier does not answer.
        DatabaseUnavailable: when the tenant's corrections can't be read.
    """
    request = CategorizationJob.model_validate(context.payload)
    started = time.perf_counter()
    predictions: list[Prediction] = []
    for start in range(0, len(request.items), _CHUNK_ITEMS):
        names = [item.name for item in request.items[start : start + _CHUNK_ITEMS]]
        result = await models.categorizer.categorize(
            context.tenant_id, names, request.candidate_labels, request.language
        )
        predictions += result.predictions
        yield min(1.0, (start + _CHUNK_ITEMS) / len(request.items))
    output = categorize_batch_response(
        request.items, predictions, (time.perf_counter() - started) * 1000
    )
    yield JobResult(output=output, model_id=result.model_id, model_version=result.model_version)
