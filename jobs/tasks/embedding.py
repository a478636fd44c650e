"""The job type embedding_batch: vectors of thousands of texts, from the embedder's replicas.

The texts go there a chunk at a time, so that requests whose callers wait get in between.
"""

from collections.abc import AsyncIterator

import numpy as np

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from jobs.tasks.model_clients import ModelClients
from sidecar.embedding.schemas import EmbedBatchRequest, build_response


async def embed_texts(
    models: ModelClients, context: JobContext
) -> AsyncIterator[Progress | JobResult]:
    """Yield progress, then the response of POST /api/v1/embed/batch.

    Raises:
        ModelUnavailable: when the embedder does not answer.
    """
    request = EmbedBatchRequest.model_validate(context.payload)
    texts = [text.text for text in request.texts]
    info = await models.embedder.info()
    chunks = []
    for start in range(0, len(texts), request.batch_size):
        chunks.append(await models.embedder.embed(texts[start : start + request.batch_size]))
        yield min(1.0, (start + request.batch_size) / len(texts))
    output = build_response(request, np.concatenate(chunks), info.model, info.version)
    yield JobResult(output=output, model_id=info.model, model_version=info.version)
