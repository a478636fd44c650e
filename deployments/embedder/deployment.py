"""The Embedder deployment: texts into vectors, and documents ranked by them."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from ray import serve

from deployments.embedder.cache import VectorCache, Vectors
from deployments.embedder.chunks import embed_in_chunks
from deployments.embedder.described import Described
from deployments.embedder.local import LocalModel
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


@serve.deployment
class Embedder:
    """Holds the model, the vectors of texts seen lately, and the words of such documents."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._model = LocalModel(settings)
        self._cache = VectorCache(
            self._in_chunks, settings.text_cache_bytes, name="embedder", meter=RayMeter()
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
        return await embed_in_chunks(texts, self._batched, _CHUNK)

    # No waiting for company: what has come in while the last batch ran is the next one.
    @serve.batch(max_batch_size=_BATCH, batch_wait_timeout_s=0, batch_size_fn=_texts_in)
    async def _batched(self, calls: list[Sequence[str]]) -> list[Vectors]:
        vectors = await self._model.embed([text for texts in calls for text in texts])
        ends = np.cumsum([len(texts) for texts in calls])
        return np.split(vectors, ends[:-1])

    def _terms_of(self, text: str) -> Terms:
        return self._terms(text) if len(text) <= _LONGEST_KEPT else document_terms(text)
