"""The Classifier deployment: predicts categories of names, batched across concurrent calls."""

from collections.abc import Sequence
from typing import Final

from ray import serve

from deployments.serving.engine_client import EngineClient
from deployments.serving.metrics import RayMeter
from sidecar.classification.backend import (
    ClassificationItem,
    ClassificationResult,
    ClassifierBackend,
    Scores,
    cost_of_names,
)
from sidecar.classification.llm import LlmClassifier
from sidecar.classification.packaged import packaged_classifier
from sidecar.core.logging import configure_logging
from sidecar.core.metrics import observe_batch
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.core.settings import Settings
from sidecar.embedding.batching import call_in_chunks
from sidecar.embedding.cache import VectorCache
from sidecar.embedding.model import MULTILINGUAL, LocalEmbeddingModel

#: A single name waits for the small batch in flight, and larger batches cost no less per item. A
#: larger request comes in chunks, so that others get in between; costs as `reading_cost` says.
_CHUNK_ITEMS: Final = 128
_MAX_CHUNK_COST: Final = 2_100
_MAX_BATCH_COST: Final = 4_200


@serve.deployment
class Classifier:
    """Serves the backend that SIDECAR_CLASSIFIER_BACKEND selects."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        self._backend = await _backend(settings)
        # See docs/decisions/0004-micro-batches.md for why not serve.batch.
        self._batches = MicroBatcher(
            self._batch, size_of=self._backend.cost, max_batch_size=_MAX_BATCH_COST
        )
        self._meter = RayMeter()

    async def classify(self, items: Sequence[ClassificationItem]) -> ClassificationResult:
        """Return scores over each item's own labels.

        Raises:
            ModelUnavailable: when the backend needs the engine and the engine is down.
        """
        chunks = await call_in_chunks(
            items,
            self._batches.submit,
            _CHUNK_ITEMS,
            costs=[cost_of_names([item]) for item in items],
            max_cost=_MAX_CHUNK_COST,
        )
        scores = [score for chunk in chunks for score in chunk]
        return ClassificationResult(scores, self._backend.model_id, self._backend.model_version)

    async def info(self) -> str:
        """Return the backend and its model."""
        return self._backend.model_id

    async def _batch(
        self, calls: Sequence[Sequence[ClassificationItem]]
    ) -> Sequence[Sequence[Scores]]:
        items = [item for call in calls for item in call]
        with observe_batch(self._meter, "classifier", len(items)):
            scores = iter(await self._backend.classify(items))
        return [[next(scores) for _ in call] for call in calls]


async def _backend(settings: Settings) -> ClassifierBackend:
    kind = settings.classifier.backend
    if kind in ("nli", "reranker"):
        # Imported here: torch is heavy, and the taxonomy backend does without it.
        from sidecar.classification.cross_encoder import CrossEncoderClassifier
        from sidecar.embedding.model_files import device_of

        return CrossEncoderClassifier(
            kind, settings.classifier.model, device_of(settings.text.device), settings.text.threads
        )
    if kind == "llm":
        return LlmClassifier(EngineClient(settings))
    # A copy of the embedding model, because a call to the Embedder takes as long as the model.
    folder = settings.data_dir / "cache"
    model = LocalEmbeddingModel(settings, MULTILINGUAL)
    cache = VectorCache(model.embed, settings.text.cache_bytes, name="classifier", meter=RayMeter())
    return await packaged_classifier(cache.embed, model.version, [folder])
