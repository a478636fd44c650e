"""Clients of the other deployments over Serve handles; see clients.py for each method."""

import asyncio
from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import BaseModel
from ray.serve.handle import DeploymentHandle

from deployments.serving.calls import await_call
from sidecar.classification.backend import ClassificationItem, ClassificationResult
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.core.validation import dump_sent
from sidecar.embedding.batching import embed_concatenated
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ModelInfo
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, Recipe, SuggestionRequest
from sidecar.search.ranking import SearchResult
from sidecar.search.schemas import SearchRequest

#: Texts of the largest request that shares a call with others; a larger one would delay them.
_MAX_BATCHED_TEXTS: Final = 8
#: Seconds after which a runner counts as not notified; it polls the queue too.
_NOTIFY_TIMEOUT_S: Final = 10.0
#: Ingredients of all recipes of the largest plan that is sent as an object: some 30 ms.
_MAX_PICKLED_INGREDIENTS: Final = 5_000


class EmbedderHandle:
    """Calls of the Embedder deployment."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle
        self._small_requests = MicroBatcher(self._embed_concatenated)
        self._info_requests = MicroBatcher(self._info)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if len(texts) <= _MAX_BATCHED_TEXTS:
            return await self._small_requests.submit(texts)
        return await self._embed(texts)

    async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
        return await await_call(self._handle.embed_for_matching.remote(texts))

    async def info(self) -> ModelInfo:
        return await self._info_requests.submit(None)

    async def search(self, request: SearchRequest) -> tuple[Sequence[SearchResult], ModelInfo]:
        # As plain strings: pydantic's objects take ten times as long to send.
        documents = [document.text for document in request.documents]
        return await await_call(self._handle.search.remote(request.as_query, documents))

    async def count_tokens(self, texts: Sequence[str]) -> int:
        return int(await await_call(self._handle.count_tokens.remote(texts)))

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        return await await_call(self._handle.embed.remote(texts))

    async def _embed_concatenated(self, calls: Sequence[Sequence[str]]) -> Sequence[Vectors]:
        return await embed_concatenated(calls, self._embed)

    async def _info(self, calls: Sequence[None]) -> Sequence[ModelInfo]:
        info: ModelInfo = await await_call(self._handle.info.remote())
        return [info] * len(calls)


class ClassifierHandle:
    """Calls of the Classifier deployment."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def classify(self, items: Sequence[ClassificationItem]) -> ClassificationResult:
        return await await_call(self._handle.classify.remote(items))

    async def info(self) -> str:
        return str(await await_call(self._handle.info.remote()))


class PlannerHandle:
    """Calls of the Planner deployment."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        if _is_small(request.recipes):
            return await await_call(self._handle.plan.remote(request))
        return await await_call(
            self._handle.plan_json.remote(await _json(request), request.timeout_ms)
        )

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        if _is_small(request.recipes):
            return await await_call(self._handle.suggest.remote(request))
        return await await_call(self._handle.suggest_json.remote(await _json(request)))

    async def worker_count(self) -> int:
        return int(await await_call(self._handle.worker_count.remote()))


def _is_small(recipes: Sequence[Recipe]) -> bool:
    return sum(len(recipe.ingredients) for recipe in recipes) <= _MAX_PICKLED_INGREDIENTS


async def _json(request: BaseModel) -> bytes:
    """Return the request in JSON: pickling it would hold the GIL several times as long."""
    return await asyncio.to_thread(lambda: orjson.dumps(dump_sent(request)))


class JobRunnerHandle:
    """Calls of the JobRunner deployment."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def notify(self) -> None:
        """Wake every runner, because a single one may have no free slot."""
        # One that hangs must not keep later jobs from being announced to the others.
        await await_call(
            self._handle.broadcast("notify").results_async(timeout_s=_NOTIFY_TIMEOUT_S)
        )

    async def running_count(self) -> int:
        return int(await await_call(self._handle.running_count.remote()))
