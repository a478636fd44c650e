"""The peer of `bench.service`: the same classifier behind plain uvicorn and FastAPI, one process.

`python -m bench.plain_server PORT`. It checks the same request, asks the same model with the same
batching, and answers the same payload; it has no record, no tenants, no limits, no second process.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI

from deployments.classifier.backend import Item, Placed
from deployments.classifier.exemplars import exemplar_vectors
from deployments.classifier.lexicon import Lexicon
from deployments.classifier.request import Categorize, answer
from deployments.classifier.taxonomy import taxonomy
from deployments.conversion import INSTALLED
from deployments.embedder.cache import VectorCache, Vectors
from deployments.embedder.model import load
from deployments.ingress.wire import Envelope

_CACHE_BYTES = 64 * 2**20


class Batches:
    """One forward pass at a time; what came in while it ran is the next one."""

    def __init__(self) -> None:
        self._model = load(None, "cpu", 2, [INSTALLED])
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Sequence[str], asyncio.Future[Vectors]]] = []
        self._running: asyncio.Task[None] | None = None
        self.name, self.version = self._model.name, self._model.version

    async def embed(self, texts: Sequence[str]) -> Vectors:
        done: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._waiting:
            calls, self._waiting = self._waiting, []
            texts = [text for call, _ in calls for text in call]
            vectors = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._model.embed, texts
            )
            start = 0
            for call, done in calls:
                done.set_result(vectors[start : start + len(call)])
                start += len(call)
        self._running = None


async def main(port: int) -> None:
    """Serve until killed."""
    batches = Batches()
    vectors = await exemplar_vectors(taxonomy(), batches.embed, batches.version, [INSTALLED])
    cache = VectorCache(batches.embed, _CACHE_BYTES)
    lexicon = Lexicon(cache.embed, taxonomy(), vectors, batches.name, batches.version)
    app = FastAPI()

    @app.post("/api/v1/categorize")
    async def categorize(body: Envelope[Categorize]) -> dict[str, object]:
        started = time.perf_counter()
        [scores] = await lexicon.classify(
            [Item(body.payload.item_name, body.payload.candidate_labels)]
        )
        placed = Placed(scores, "classifier")
        return {"payload": answer(placed, (time.perf_counter() - started) * 1000)}

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    config = uvicorn.Config(app, port=port, log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
