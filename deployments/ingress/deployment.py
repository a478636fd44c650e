"""The Ingress deployment: the HTTP surface in a Serve replica."""

import asyncio
import sys
from collections.abc import Mapping
from importlib.metadata import version

import ray
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.dashboard.cluster import Cluster, DeploymentState, Share
from deployments.dashboard.job_history import RecentlyEnded
from deployments.ingress.app import build_app
from deployments.ingress.draining import Door
from deployments.ingress.services import Parts
from deployments.serving.calls import ask, serve_status
from deployments.serving.clients import served_models
from deployments.serving.metrics import RayMeter
from jobs.maintenance.erasure import Erasure
from jobs.queue.admin_queries import Board
from jobs.queue.admission import Backlog
from jobs.queue.job_watcher import JobWatch
from jobs.queue.notifier import Bell
from jobs.queue.queue import Queue, utc_now
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.registry import features
from sidecar.core.errors import ModelUnavailable
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings

#: Seconds that a thread waits for the interpreter before whoever has it must let go; Python's own
#: choice is 0.005. A busy event loop always has it, and each commit in its thread waits several
#: times: with this, 16 callers get 1.2 times the answers.
_SWITCH_INTERVAL_S = 0.0005


@serve.deployment
@serve.ingress()
class Ingress:
    """Holds the connections that the routers use."""

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
        self._job_runner = job_runner
        self._planner = planner
        self._embedder = embedder
        self._classifier = classifier
        self._database = Database(settings.resolved_database_url)
        self._door = Door()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Ray Serve calls this once, after the constructor."""
        database = self._database
        # Every runner: the one that is asked alone may have no slot left.
        bell = Bell(lambda: ask(self._job_runner.broadcast("wake").results_async()))
        queue = Queue(database, on_queued=bell.ring)
        models = served_models(
            self._settings,
            embedder=self._embedder,
            classifier=self._classifier,
            feedback=FeedbackStore(database),
        )
        blobs = BlobStore(self._settings.blob_dir, database, utc_now)
        return build_app(
            Parts(
                settings=self._settings,
                version=version("grocery-sidecar"),
                queue=queue,
                backlog=Backlog.configured(queue, self._settings),
                blobs=blobs,
                erasure=Erasure(database, blobs, utc_now),
                artifacts=Artifacts(database),
                feedback=models.feedback,
                watch=JobWatch(queue, poll_s=self._settings.poll_s / 2),
                board=Board(database),
                recently_ended=RecentlyEnded(database, utc_now),
                features=features(self._settings),
                engine=models.engine,
                clock=utc_now,
                embed=models.embed,
                embedder=models.embedder,
                search=lambda request: ask(
                    # As plain text: Pydantic's objects take ten times as long to send.
                    self._embedder.search.remote(
                        request.asked, [document.text for document in request.documents]
                    )
                ),
                categories=models.categories,
                classifier=lambda: ask(self._classifier.describe.remote()),
                plan=lambda request: ask(self._planner.plan.remote(request)),
                suggest=lambda request: ask(self._planner.suggest.remote(request)),
                solver_processes=lambda: ask(self._planner.processes.remote()),
                running_attempts=lambda: ask(self._job_runner.running.remote()),
                cluster=lambda: asyncio.to_thread(_cluster),
                meter=RayMeter(),
                door=self._door,
            )
        )

    async def shut(self) -> int:
        """Takes no more requests; how many are still under way."""
        return self._door.shut()

    async def __del__(self) -> None:
        await self._database.close()


def _cluster() -> Cluster:
    """As Ray Serve and Ray see it now. Raises ModelUnavailable when Serve doesn't answer."""
    try:
        status = serve_status()
        total, free = ray.cluster_resources(), ray.available_resources()
    except (RayError, RayServeException) as error:
        raise ModelUnavailable("Ray Serve does not say how it is.", retry_after_s=5) from error
    return Cluster(
        deployments=[
            DeploymentState(
                name=name,
                status=state.status.value,
                message=state.message,
                replicas={str(phase): count for phase, count in state.replica_states.items()},
            )
            for application in status.applications.values()
            for name, state in application.deployments.items()
        ],
        cpus=_share("CPU", total, free),
        gpus=_share("GPU", total, free),
    )


def _share(name: str, total: Mapping[str, float], free: Mapping[str, float]) -> Share:
    there = total.get(name, 0.0)
    return Share(used=there - free.get(name, 0.0), total=there)
