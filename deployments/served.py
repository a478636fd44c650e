"""The served models as the other deployments reach them: through handles."""

from ray.serve.handle import DeploymentHandle

from deployments.classifier.categories import Categories
from deployments.engine.handle import EngineHandle
from deployments.handles import ask
from deployments.settings import Settings
from jobs.feedback import FeedbackStore
from jobs.models import Models


def served_models(
    settings: Settings,
    *,
    embedder: DeploymentHandle,
    classifier: DeploymentHandle,
    feedback: FeedbackStore,
) -> Models:
    """Calls to the embedder, the classifier and the engine, whatever becomes of them."""
    return Models(
        embed=lambda texts: ask(embedder.embed.remote(texts)),
        embedder=lambda: ask(embedder.describe.remote()),
        categories=Categories(lambda items: ask(classifier.classify.remote(items)), feedback),
        feedback=feedback,
        engine=EngineHandle(settings),
    )
