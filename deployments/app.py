"""The two Ray Serve applications: the service, and the engine on its own."""

from ray.serve import Application

from deployments.classifier import Classifier
from deployments.embedder import Embedder
from deployments.engine import Engine, UnavailableEngine
from deployments.ingress.deployment import Ingress
from deployments.job_runner import JobRunner
from deployments.planner import Planner
from deployments.serving.engine_client import is_vllm_installed
from sidecar.core.settings import Settings


def build(settings: Settings) -> Application:
    """Build the service's deployment graph.

    serve_config.yaml passes `args` as settings, and sets each deployment's replicas and resources.
    """
    embedder = Embedder.bind(settings)
    classifier = Classifier.bind(settings)
    return Ingress.bind(
        settings,
        job_runner=JobRunner.bind(settings, embedder, classifier),
        planner=Planner.bind(settings),
        embedder=embedder,
        classifier=classifier,
    )


def build_engine(settings: Settings) -> Application:
    """Build the engine, or a deployment that explains why there is none."""
    if settings.engine.mode == "off":
        return UnavailableEngine.bind("The engine is turned off (SIDECAR_ENGINE_MODE=off).")
    if not is_vllm_installed():
        return UnavailableEngine.bind("The engine is not installed.")
    return Engine.bind(settings)
