"""The Ingress deployment: the HTTP application in a Serve replica."""

import asyncio
import sys
from importlib.metadata import version

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.ingress.assembly import Deployments, assemble
from deployments.ingress.draining import DrainGate
from deployments.serving.engine_client import EngineClient, vision_model
from deployments.serving.handles import (
    ClassifierHandle,
    EmbedderHandle,
    JobRunnerHandle,
    PlannerHandle,
)
from deployments.serving.metrics import RayMeter
from deployments.serving.ray_metrics import read_metrics
from deployments.serving.status import cluster_status
from jobs.queue.notifier import RunnerNotifier
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.registry import job_types
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings

#: Seconds after which a thread may take the GIL from another (Python's default: 0.005). Each commit
#: of the writer thread waits for it several times, because a busy event loop always holds it. With
#: this value 16 clients get 1.2 times the responses.
_SWITCH_INTERVAL_S = 0.0005


@serve.deployment
@serve.ingress()
class Ingress:
    """Owns the database and the handles that the routes use."""

    def __init__(
        self,
        settings: Settings,
        job_runner: DeploymentHandle,
        planner: DeploymentHandle,
        embedder: DeploymentHandle,
        classifier: DeploymentHandle,
    ) -> None:
        configure_logging(settings.log_level)
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._settings = settings
        self._job_runner = JobRunnerHandle(job_runner)
        self._planner = PlannerHandle(planner)
        self._embedder = EmbedderHandle(embedder)
        self._classifier = ClassifierHandle(classifier)
        self._database = Database(settings.resolved_database_url)
        self._drain_gate = DrainGate()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Build the application; Ray Serve calls this once, after the constructor."""
        settings, database = self._settings, self._database
        queue = JobQueue(database, on_queued=RunnerNotifier(self._job_runner.notify).notify)
        models = ModelClients.on(
            database,
            embedder=self._embedder,
            classify=self._classifier.classify,
            engine=EngineClient(settings),
            vision=vision_model(settings),
        )
        deployments = Deployments(
            embedder=self._embedder,
            classifier=self._classifier,
            planner=self._planner,
            job_runner=self._job_runner,
            cluster=lambda: asyncio.to_thread(cluster_status),
            read_metrics=read_metrics,
        )
        return assemble(
            settings,
            database,
            queue,
            models,
            deployments,
            job_types=job_types(settings, models),
            version=version("grocery-sidecar"),
            watch_interval_s=settings.queue.poll_interval_s / 2,
            meter=RayMeter(),
            drain_gate=self._drain_gate,
        )

    async def drain(self) -> int:
        """Refuse new requests; return how many are still in flight."""
        return self._drain_gate.begin_drain()

    async def __del__(self) -> None:
        await self._database.close()
