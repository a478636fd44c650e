"""The served models as the other deployments reach them: through handles."""

from collections.abc import Sequence
from typing import Final

from ray.serve.handle import DeploymentHandle

from deployments.serving.calls import ask
from deployments.serving.engine_client import EngineHandle
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categories
from jobs.tasks.model_clients import Models
from sidecar.core.micro_batcher import Gathered
from sidecar.core.settings import Settings
from sidecar.embedding.batching import embed_together
from sidecar.embedding.cache import Vectors
from sidecar.embedding.described import Described

#: Texts of a request that goes to the embedder with others; more would keep those waiting.
_SMALL: Final = 8


def served_models(
    settings: Settings,
    *,
    embedder: DeploymentHandle,
    classifier: DeploymentHandle,
    feedback: FeedbackStore,
) -> Models:
    """Calls to the embedder, the classifier and the engine, whatever becomes of them."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return await ask(embedder.embed.remote(texts))

    async def embed_all(calls: Sequence[Sequence[str]]) -> Sequence[Vectors]:
        return await embed_together(calls, embed)

    async def describe(calls: Sequence[None]) -> Sequence[Described]:
        return [await ask(embedder.describe.remote())] * len(calls)

    small, described = Gathered(embed_all), Gathered(describe)
    return Models(
        embed=lambda texts: small.ask(texts) if len(texts) <= _SMALL else embed(texts),
        embedder=lambda: described.ask(None),
        categories=Categories(lambda items: ask(classifier.classify.remote(items)), feedback),
        feedback=feedback,
        engine=EngineHandle(settings),
    )
