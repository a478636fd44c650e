"""The Embedder deployment: embeds texts and ranks documents by their vectors."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ray import serve

from deployments.serving.metrics import RayMeter
from sidecar.core.logging import configure_logging
from sidecar.core.metrics import observe_batch
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.core.settings import Settings
from sidecar.embedding.batching import embed_chunked, embed_concatenated
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.model import LocalEmbeddingModel, ModelInfo
from sidecar.search.ranking import SearchQuery, SearchResult, Terms, document_terms, search

#: Texts per chunk and per batch; a single text waits for at most one batch.
_CHUNK_TEXTS: Final = 32
_MAX_BATCH_TEXTS: Final = 64

#: Bounds of the terms cache, which together limit it to some tens of MB.
_MAX_CACHED_DOCUMENTS: Final = 10_000
_MAX_CACHED_CHARACTERS: Final = 2_000


@serve.deployment
class Embedder:
    """Holds the model, a vector cache and a cache of documents' terms."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._model = LocalEmbeddingModel(settings)
        self._meter = RayMeter()
        # See docs/decisions/0004-micro-batches.md for why not serve.batch.
        self._batches = MicroBatcher(self._batch, size_of=len, max_batch_size=_MAX_BATCH_TEXTS)
        self._cache = VectorCache(
            self._embed_chunked, settings.text.cache_bytes, name="embedder", meter=self._meter
        )
        self._terms = lru_cache(_MAX_CACHED_DOCUMENTS)(document_terms)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""
        return await self._cache.embed(texts)

    async def search(
        self, query: SearchQuery, documents: Sequence[str]
    ) -> tuple[Sequence[SearchResult], ModelInfo]:
        """Return the matching documents, best first, and the model behind the scores."""
        vectors = await self._cache.embed([query.text, *documents])
        results = await asyncio.to_thread(
            search, query, documents, vectors[1:], vectors[0], terms=self._terms_of
        )
        return results, await self.info()

    async def info(self) -> ModelInfo:
        """Return the model's name, version and dimension."""
        return ModelInfo(self._model.name, self._model.version, self._model.dimension)

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        return await self._model.count_tokens(texts)

    async def _embed_chunked(self, texts: Sequence[str]) -> Vectors:
        return await embed_chunked(texts, self._batches.submit, _CHUNK_TEXTS)

    async def _batch(self, calls: Sequence[Sequence[str]]) -> Sequence[Vectors]:
        with observe_batch(self._meter, "embedder", sum(map(len, calls))):
            return await embed_concatenated(calls, self._model.embed)

    def _terms_of(self, text: str) -> Terms:
        return self._terms(text) if len(text) <= _MAX_CACHED_CHARACTERS else document_terms(text)
