"""The Embedder deployment: texts into vectors, and documents ranked by them; and the model as any
replica can hold it.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final

import numpy as np
from ray import serve

from deployments.conversion import INSTALLED
from deployments.embedder.cache import VectorCache, Vectors
from deployments.embedder.chunks import embed_in_chunks
from deployments.embedder.described import Described
from deployments.embedder.model import load
from deployments.embedder.weights import device_of
from deployments.logs import configure_logging
from deployments.ray_meter import RayMeter
from deployments.search.ranking import Query, Result, Terms, document_terms, search
from deployments.settings import Settings

#: Texts of one call to the model's batch queue, and of one batch: what a lone text may wait for.
_CHUNK: Final = 32
_BATCH: Final = 64

#: Documents whose words are kept, and the longest of them in characters: some tens of megabytes.
_DOCUMENTS: Final = 10_000
_LONGEST_KEPT: Final = 2_000


def _texts_in(calls: list[Sequence[str]]) -> int:
    return sum(len(texts) for texts in calls)


class LocalEmbedder:
    """The model that the settings name, one forward pass at a time, and the vectors of texts seen
    lately; for one event loop. Calls that come in while the model works are its next batch.
    """

    def __init__(self, settings: Settings, *, name: str) -> None:
        """`name` is what the metrics call its cache. Raises ModelUnavailable."""
        self.model: Final = load(
            settings.embedding_model or None,
            device_of(settings.text_device),
            settings.text_threads,
            [INSTALLED, settings.data_dir / "cache"],
        )
        self.model.embed(["a first pass fills the kernels' caches"])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._cache = VectorCache(
            self._in_chunks, settings.text_cache_bytes, name=name, meter=RayMeter()
        )

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in order; at least one text."""
        return await self._cache.embed(texts)

    async def _in_chunks(self, texts: Sequence[str]) -> Vectors:
        return await embed_in_chunks(texts, self._batched, _CHUNK)

    # No waiting for company: what has come in while the last batch ran is the next one.
    @serve.batch(max_batch_size=_BATCH, batch_wait_timeout_s=0, batch_size_fn=_texts_in)
    async def _batched(self, calls: list[Sequence[str]]) -> list[Vectors]:
        texts = [text for call in calls for text in call]
        vectors = await asyncio.get_running_loop().run_in_executor(
            self._thread, self.model.embed, texts
        )
        ends = np.cumsum([len(call) for call in calls])
        return np.split(vectors, ends[:-1])


@serve.deployment
class Embedder:
    """Holds the model, and the words of documents searched lately."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._local = LocalEmbedder(settings, name="embedder")
        self._terms = lru_cache(_DOCUMENTS)(document_terms)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in order."""
        return await self._local.embed(texts)

    async def search(
        self, query: Query, documents: Sequence[str]
    ) -> tuple[Sequence[Result], Described]:
        """The documents that fit the query best, best first; and the model behind it."""
        vectors = await self._local.embed([query.text, *documents])
        results = await asyncio.to_thread(
            search, query, documents, vectors[1:], vectors[0], terms=self._terms_of
        )
        return results, await self.describe()

    async def describe(self) -> Described:
        """The model's name, version and dimension."""
        model = self._local.model
        return Described(model.name, model.version, model.dimension)

    def _terms_of(self, text: str) -> Terms:
        return self._terms(text) if len(text) <= _LONGEST_KEPT else document_terms(text)
