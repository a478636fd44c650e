"""The Ray Serve applications: the service, and each engine on its own."""

from ray.serve import Application

from deployments.classifier import Classifier
from deployments.embedder import Embedder
from deployments.engine import Engine, UnavailableEngine
from deployments.ingress.deployment import Ingress
from deployments.job_runner import JobRunner
from deployments.planner import Planner
from deployments.serving.engine_client import (
    DEPLOYMENT,
    VISION_DEPLOYMENT,
    is_vllm_installed,
)
from sidecar.core.settings import Settings
from sidecar.llm.vision_model import vision_settings


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
    return _engine(settings, DEPLOYMENT)


def build_vision_engine(settings: Settings) -> Application:
    """Build the engine of the vision model, which reads receipts beside the chat model."""
    if not settings.engine.vision_model:
        reason = "There is no vision model (SIDECAR_ENGINE_VISION_MODEL)."
        return UnavailableEngine.options(name=VISION_DEPLOYMENT).bind(reason)
    return _engine(vision_settings(settings), VISION_DEPLOYMENT)


def _engine(settings: Settings, name: str) -> Application:
    absent = UnavailableEngine.options(name=name)
    if settings.engine.mode == "off":
        return absent.bind("The engine is turned off (SIDECAR_ENGINE_MODE=off).")
    if not is_vllm_installed():
        return absent.bind("The engine is not installed.")
    return Engine.options(name=name).bind(settings)
