"""The Embedder deployment: texts into vectors, and documents ranked by them."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ray import serve

from deployments.serving.metrics import RayMeter
from sidecar.core.logging import configure_logging
from sidecar.core.metrics import measured
from sidecar.core.micro_batcher import Gathered
from sidecar.core.settings import Settings
from sidecar.embedding.batching import embed_in_chunks, embed_together
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.described import Described
from sidecar.embedding.local import LocalModel
from sidecar.search.ranking import Query, Result, Terms, document_terms, search

#: Texts of one call to the model's batch queue, and of one batch: what a lone text may wait for.
_CHUNK: Final = 32
_BATCH: Final = 64

#: Documents whose words are kept, and the longest of them in characters: some tens of megabytes.
_DOCUMENTS: Final = 10_000
_LONGEST_KEPT: Final = 2_000


@serve.deployment
class Embedder:
    """Holds the model, the vectors of texts seen lately, and the words of such documents."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._model = LocalModel(settings)
        self._meter = RayMeter()
        # No waiting for company: what has come in while the last batch ran is the next one.
        # serve.batch, told not to wait, makes a batch of each call.
        self._batches = Gathered(self._batch, size=len, most=_BATCH)
        self._cache = VectorCache(
            self._in_chunks, settings.text_cache_bytes, name="embedder", meter=self._meter
        )
        self._terms = lru_cache(_DOCUMENTS)(document_terms)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in order."""
        return await self._cache.embed(texts)

    async def search(
        self, query: Query, documents: Sequence[str]
    ) -> tuple[Sequence[Result], Described]:
        """The documents that fit the query best, best first; and the model behind it."""
        vectors = await self._cache.embed([query.text, *documents])
        results = await asyncio.to_thread(
            search, query, documents, vectors[1:], vectors[0], terms=self._terms_of
        )
        return results, await self.describe()

    async def describe(self) -> Described:
        """The model's name, version and dimension."""
        return Described(self._model.name, self._model.version, self._model.dimension)

    async def _in_chunks(self, texts: Sequence[str]) -> Vectors:
        return await embed_in_chunks(texts, self._batches.ask, _CHUNK)

    async def _batch(self, calls: Sequence[Sequence[str]]) -> Sequence[Vectors]:
        with measured(self._meter, "embedder", sum(map(len, calls))):
            return await embed_together(calls, self._model.embed)

    def _terms_of(self, text: str) -> Terms:
        return self._terms(text) if len(text) <= _LONGEST_KEPT else document_terms(text)
