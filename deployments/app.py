"""The whole service as one Ray Serve application."""

from ray.serve import Application

from deployments.ingress.deployment import Ingress
from deployments.planner.deployment import Planner
from deployments.settings import Settings
from jobs.deployment import JobRunner


def build(settings: Settings) -> Application:
    """The graph. serve_config.yaml calls this with what stands under `args`, and says how many
    replicas each deployment has and what they may use.
    """
    return Ingress.bind(
        settings, job_runner=JobRunner.bind(settings), planner=Planner.bind(settings)
    )
