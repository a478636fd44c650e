"""The peer of `bench.service`: the same models behind plain uvicorn and FastAPI in one process.

`python -m bench.baseline_server PORT`. It validates the same requests, batches for the same models
in the same way, and returns the same payloads. It has no artifacts, queue, tenants or limits. Its
only other processes solve plans and read receipts, as many as the service has.
"""

import asyncio
import base64
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Response

from deployments.http.schemas.common import Envelope
from deployments.ingress.job_payloads import ReceiptPayload
from sidecar.classification.backend import ClassificationItem, Prediction
from sidecar.classification.packaged import packaged_classifier
from sidecar.classification.schemas import (
    CategorizeBatchRequest,
    CategorizeRequest,
    categorize_batch_response,
    categorize_response,
)
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.core.settings import Settings
from sidecar.embedding import schemas as embedding
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.model import MULTILINGUAL, load
from sidecar.planning.pool import Limits, WorkerPool
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.suggestions import suggest
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import read
from sidecar.search.ranking import search, semantic_scores
from sidecar.search.schemas import SearchRequest, search_response

_CACHE_BYTES = 64 * 2**20


class MicroBatchedModel:
    """An embedding model with one forward pass in flight; calls that arrive meanwhile are next."""

    def __init__(self) -> None:
        self._model = load(MULTILINGUAL, "cpu", 2, [INSTALL_DIR])
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Sequence[str], asyncio.Future[Vectors]]] = []
        self._running: asyncio.Task[None] | None = None
        self.name, self.version = self._model.name, self._model.version

    async def embed(self, texts: Sequence[str]) -> Vectors:
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            calls, self._waiting = self._waiting, []
            texts = [text for call, _ in calls for text in call]
            vectors = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._model.embed, texts
            )
            start = 0
            for call, future in calls:
                future.set_result(vectors[start : start + len(call)])
                start += len(call)
        self._running = None


def _read_receipt(image: bytes, options: ReceiptOptions, limits: ImageLimits) -> dict[str, Any]:
    steps = read(image, options, engine(1), limits)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            flat: dict[str, Any] = stop.value.flat()
            return flat


async def main(port: int) -> None:
    """Serve until killed."""
    settings = Settings()
    model = MicroBatchedModel()
    cache = VectorCache(model.embed, _CACHE_BYTES)
    classifier = await packaged_classifier(cache.embed, model.version)
    readers = ProcessPoolExecutor(os.cpu_count())
    limits = ImageLimits.configured(settings)
    planners = WorkerPool(Limits(workers=settings.planner.workers))
    await planners.start()
    app = FastAPI()

    @app.post("/api/v1/categorize")
    async def categorize(body: Envelope[CategorizeRequest]) -> dict[str, object]:
        started = time.perf_counter()
        [scores] = await classifier.classify(
            [ClassificationItem(body.payload.item_name, body.payload.candidate_labels)]
        )
        prediction = Prediction(scores, "classifier")
        return {"payload": categorize_response(prediction, (time.perf_counter() - started) * 1000)}

    @app.post("/api/v1/categorize-batch")
    async def categorize_batch(body: Envelope[CategorizeBatchRequest]) -> dict[str, object]:
        started = time.perf_counter()
        items, labels = body.payload.items, body.payload.candidate_labels
        scores = await classifier.classify(
            [ClassificationItem(item.name, labels) for item in items]
        )
        predictions = [Prediction(item_scores, "classifier") for item_scores in scores]
        return {
            "payload": categorize_batch_response(
                items, predictions, (time.perf_counter() - started) * 1000
            )
        }

    @app.post("/api/v1/embed")
    async def embed(body: embedding.EmbedRequest) -> Response:
        vectors = await cache.embed([text.text for text in body.texts])
        content = embedding.build_response(body, vectors, model.name, model.version)
        return Response(
            orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
        )

    @app.post("/api/v1/search")
    async def search_documents(body: Envelope[SearchRequest]) -> dict[str, object]:
        documents = [document.text for document in body.payload.documents]
        query = body.payload.as_query
        vectors = await cache.embed([query.text, *documents])
        scores = semantic_scores(vectors[1:], vectors[0])
        results = await asyncio.to_thread(search, query, documents, scores)
        return {"payload": search_response(body.payload, results)}

    @app.post("/api/v1/optimize/meal-plan")
    async def meal_plan(body: Envelope[PlanRequest]) -> dict[str, object]:
        return {"payload": (await planners.run(body.payload)).wire()}

    @app.post("/api/v1/optimize/suggestions")
    async def suggestions(body: Envelope[SuggestionRequest]) -> dict[str, object]:
        results = await asyncio.to_thread(suggest, body.payload)
        return {"payload": {"suggestions": [suggestion.wire() for suggestion in results]}}

    @app.post("/api/v1/extract-receipt")
    async def extract_receipt(body: Envelope[ReceiptPayload]) -> dict[str, object]:
        image = base64.b64decode(body.payload.image_base64 or "")
        flat = await asyncio.get_running_loop().run_in_executor(
            readers, _read_receipt, image, body.payload.options, limits
        )
        return {"payload": flat}

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    config = uvicorn.Config(app, port=port, log_level="warning", access_log=False)
    try:
        await uvicorn.Server(config).serve()
    finally:
        await planners.close()
        readers.shutdown()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
