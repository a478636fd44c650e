"""The Embedder deployment: embeds texts and ranks documents by their vectors."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from ray import serve

from deployments.serving.metrics import RayMeter
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.core.logging import configure_logging
from sidecar.core.metrics import observe_batch
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.core.settings import Settings
from sidecar.embedding.batching import embed_chunked, embed_concatenated, reading_cost
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.model import LocalEmbeddingModel, ModelInfo, centered
from sidecar.search.occasions import load_occasions
from sidecar.search.ranking import SearchQuery, SearchResult, search, semantic_scores
from sidecar.search.terms import Terms, document_terms

#: Texts per chunk, and the cost of a chunk and of a batch (see `reading_cost`): about 0.1 and 0.2 s
#: on two cores. A single text waits for one of small requests at most.
_CHUNK_TEXTS: Final = 32
_MAX_CHUNK_COST: Final = 4_100
_MAX_BATCH_COST: Final = 8_200

#: Bounds of the terms cache, which together limit it to some tens of MB.
_MAX_CACHED_DOCUMENTS: Final = 10_000
_MAX_CACHED_CHARACTERS: Final = 2_000


@serve.deployment
class Embedder:
    """Holds the model, a vector cache and a cache of documents' terms."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        self._model = LocalEmbeddingModel(settings)
        self._meter = RayMeter()
        # See docs/decisions/0004-micro-batches.md for why not serve.batch.
        self._batches = MicroBatcher(
            self._batch, size_of=reading_cost, max_batch_size=_MAX_BATCH_COST
        )
        self._cache = VectorCache(
            self._embed_chunked, settings.text.cache_bytes, name="embedder", meter=self._meter
        )
        self._occasions = await load_occasions(
            self._embed_queries,
            self._embed_documents,
            self._model.version,
            [INSTALL_DIR, settings.data_dir / "cache"],
        )
        self._terms = lru_cache(_MAX_CACHED_DOCUMENTS)(document_terms)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""
        return await self._prompted(self._model.prompts.default, texts)

    async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors whose cosines tell whether texts mean the same, in order."""
        return await self._centered(self._model.prompts.default, texts)

    async def search(
        self, query: SearchQuery, documents: Sequence[str]
    ) -> tuple[Sequence[SearchResult], ModelInfo]:
        """Return the matching documents, best first, and the model behind the scores."""
        if query.weights.semantic:
            scores = await self._semantic_scores(query.text, documents)
            results: Sequence[SearchResult] = await asyncio.to_thread(
                search, query, documents, scores, terms=self._terms_of
            )
        else:
            results = await self._search_words(query, documents)
        return results, await self.info()

    async def info(self) -> ModelInfo:
        """Return the model's name, version and dimension."""
        return ModelInfo(self._model.name, self._model.version, self._model.dimension)

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        prompt = self._model.prompts.default
        return await self._model.count_tokens([prompt + text for text in texts])

    async def _search_words(
        self, query: SearchQuery, documents: Sequence[str]
    ) -> Sequence[SearchResult]:
        """Search where meaning decides nothing: only what is found needs its score by meaning."""
        none = np.zeros(len(documents), dtype=np.float32)
        found = await asyncio.to_thread(search, query, documents, none, terms=self._terms_of)
        if not found:
            return found
        scores = await self._semantic_scores(query.text, [documents[it.row] for it in found])
        return [
            replace(result, semantic_score=float(score))
            for result, score in zip(found, scores, strict=True)
        ]

    async def _semantic_scores(self, query: str, documents: Sequence[str]) -> NDArray[np.float32]:
        [query_vector], vectors = await asyncio.gather(
            self._embed_queries([query]), self._embed_documents(documents)
        )
        return semantic_scores(vectors, self._occasions.move(query_vector))

    async def _embed_queries(self, texts: Sequence[str]) -> Vectors:
        return await self._centered(self._model.prompts.query, texts)

    async def _embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await self._centered(self._model.prompts.document, texts)

    async def _centered(self, prompt: str, texts: Sequence[str]) -> Vectors:
        return centered(await self._prompted(prompt, texts), self._model.centers.get(prompt))

    async def _prompted(self, prompt: str, texts: Sequence[str]) -> Vectors:
        return await self._cache.embed([prompt + text for text in texts])

    async def _embed_chunked(self, texts: Sequence[str]) -> Vectors:
        return await embed_chunked(
            texts, self._batches.submit, _CHUNK_TEXTS, max_cost=_MAX_CHUNK_COST
        )

    async def _batch(self, calls: Sequence[Sequence[str]]) -> Sequence[Vectors]:
        with observe_batch(self._meter, "embedder", sum(map(len, calls))):
            return await embed_concatenated(calls, self._model.embed)

    def _terms_of(self, text: str) -> Terms:
        return self._terms(text) if len(text) <= _MAX_CACHED_CHARACTERS else document_terms(text)
