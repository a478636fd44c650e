"""The whole service as one Ray Serve application."""

from ray.serve import Application

from deployments.classifier.deployment import Classifier
from deployments.embedder.deployment import Embedder
from deployments.ingress.deployment import Ingress
from deployments.planner.deployment import Planner
from deployments.settings import Settings
from jobs.deployment import JobRunner


def build(settings: Settings) -> Application:
    """The graph. serve_config.yaml calls this with what stands under `args`, and says how many
    replicas each deployment has and what they may use.
    """
    embedder = Embedder.bind(settings)
    classifier = Classifier.bind(settings, embedder)
    return Ingress.bind(
        settings,
        job_runner=JobRunner.bind(settings, embedder, classifier),
        planner=Planner.bind(settings),
        embedder=embedder,
        classifier=classifier,
    )
