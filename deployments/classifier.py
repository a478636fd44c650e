"""The Classifier deployment: names into labels, the items of all waiting requests together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ray import serve

from deployments.serving.engine_client import EngineHandle
from deployments.serving.metrics import RayMeter
from sidecar.classification.backend import Backend, Item, Scores
from sidecar.classification.exemplar_store import exemplar_vectors
from sidecar.classification.llm import Llm
from sidecar.classification.taxonomy_backend import Lexicon
from sidecar.core.build_cache import INSTALLED
from sidecar.core.logging import configure_logging
from sidecar.core.metrics import measured
from sidecar.core.micro_batcher import Gathered
from sidecar.core.settings import Settings
from sidecar.embedding.cache import VectorCache
from sidecar.embedding.local import LocalModel
from sidecar.text.taxonomy import taxonomy

#: Items of one batch, which a lone name waits for; more would make none of them cheaper. A request
#: may have 500, which go alone.
_BATCH: Final = 256


@dataclass(frozen=True)
class Classified:
    """Scores for each item in order, and what gave them."""

    scores: Sequence[Scores]
    model_id: str
    model_version: str


@serve.deployment
class Classifier:
    """Holds the backend that the setting CLASSIFIER_BACKEND names."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        self._backend = await _backend(settings)
        # No waiting for company: what has come in while the last batch ran is the next one.
        # serve.batch, told not to wait, makes a batch of each call.
        self._batches = Gathered(self._batch, size=len, most=_BATCH)
        self._meter = RayMeter()

    async def classify(self, items: Sequence[Item]) -> Classified:
        """Scores over each item's own labels. Raises ModelUnavailable when its engine is away."""
        scores = await self._batches.ask(items)
        return Classified(scores, self._backend.model_id, self._backend.model_version)

    async def describe(self) -> str:
        """The backend and its model."""
        return self._backend.model_id

    async def _batch(self, calls: Sequence[Sequence[Item]]) -> Sequence[Sequence[Scores]]:
        items = [item for call in calls for item in call]
        with measured(self._meter, "classifier", len(items)):
            scores = iter(await self._backend.classify(items))
        return [[next(scores) for _ in call] for call in calls]


async def _backend(settings: Settings) -> Backend:
    if settings.classifier_backend == "nli":
        # Imported where it is used: torch is heavy, and the lexicon does without it.
        from sidecar.classification.nli import Nli
        from sidecar.embedding.model_files import device_of

        return Nli(
            settings.classifier_model, device_of(settings.text_device), settings.text_threads
        )
    if settings.classifier_backend == "llm":
        return Llm(EngineHandle(settings))
    # A model of its own: a call to the embedder costs a new name about what the model costs.
    model = LocalModel(settings)
    vectors = await exemplar_vectors(
        taxonomy(), model.embed, model.version, [INSTALLED, settings.data_dir / "cache"]
    )
    # The names of a batch go through the model as they are: they are a batch already.
    seen = VectorCache(model.embed, settings.text_cache_bytes, name="classifier", meter=RayMeter())
    return Lexicon(seen.embed, taxonomy(), vectors, model.name, model.version)
