"""The JobRunner deployment: a job worker that runs attempts as Ray tasks."""

import asyncio
import socket
from functools import partial
from math import ceil

import ray
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.serving.engine_client import EngineClient, vision_model
from deployments.serving.handles import ClassifierHandle, EmbedderHandle
from deployments.serving.metrics import RayMeter
from jobs.maintenance.queue_metrics import record_queue_metrics
from jobs.maintenance.retention import RetentionService
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import InProcessAttempt, InProcessWork, JobType
from jobs.queue.queue import JobQueue, utc_now
from jobs.queue.webhooks import WebhookDispatcher
from jobs.queue.worker import Attempt, JobWorker
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.ray_tasks import RayAttempt, warm_workers
from jobs.tasks.registry import job_types
from sidecar.core.errors import DatabaseUnavailable
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings

#: Update interval of the queue's gauges.
_METRICS_PERIOD_S = 5.0


def replica_slots(settings: Settings) -> int:
    """Return this replica's share of the job concurrency."""
    all_slots = settings.job.concurrency or int(ray.cluster_resources().get("CPU", 1))
    return ceil(all_slots / serve.get_replica_context().world_size)


def launch(job_type: JobType, context: JobContext) -> Attempt:
    """Start an attempt, in this process or as a Ray task."""
    if isinstance(job_type.run, InProcessWork):
        return InProcessAttempt(job_type.run, context)
    return RayAttempt(job_type, context, RayMeter)


@serve.deployment
class JobRunner:
    """Claims jobs and owns their Ray tasks; Ray ends a task whose owner dies."""

    # Asynchronous, so that it runs on the worker's event loop.
    async def __init__(  # type: ignore[misc]
        self, settings: Settings, embedder: DeploymentHandle, classifier: DeploymentHandle
    ) -> None:
        configure_logging(settings.log_level)
        self._database = Database(settings.resolved_database_url)
        models = ModelClients.on(
            self._database,
            embedder=EmbedderHandle(embedder),
            classify=ClassifierHandle(classifier).classify,
            engine=EngineClient(settings),
            vision=vision_model(settings),
        )
        name = f"{socket.gethostname()}:{serve.get_replica_context().replica_id.unique_id}"
        blobs = BlobStore(settings.blob_dir, self._database, utc_now)
        meter = RayMeter()
        known = job_types(settings, models)
        self._worker = JobWorker(
            claims=Claims.configured(self._database, settings, runner=name),
            blobs=blobs,
            job_types=known,
            launch=launch,
            slots=partial(replica_slots, settings),
            settings=settings,
            meter=meter,
        )
        self._warm_up = partial(warm_workers, known.values(), settings)
        self._retention = RetentionService.configured(self._database, blobs, settings, holder=name)
        self._record_metrics = partial(
            record_queue_metrics,
            meter,
            queries=AdminQueries(self._database),
            queue=JobQueue(self._database),
            retention=self._retention,
            blobs=blobs,
            features=list(known),
            clock=utc_now,
        )
        self._webhooks = WebhookDispatcher.configured(self._database, settings)
        self._loop = asyncio.create_task(self._run())

    async def _run(self) -> None:
        # Only the job runner migrates. Until then every other deployment reports
        # DatabaseUnavailable.
        while True:
            try:
                await migrate(self._database)
            except DatabaseUnavailable:
                await asyncio.sleep(1)
            else:
                break
        self._warm_up()
        background = [
            asyncio.create_task(task)
            for task in (self._retention.run(), self._webhooks.run(), self._update_metrics())
        ]
        try:
            await self._worker.run()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _update_metrics(self) -> None:
        while True:
            await self._record_metrics()
            await asyncio.sleep(_METRICS_PERIOD_S)

    async def running_count(self) -> int:
        """Return how many attempts are running."""
        return self._worker.running_count

    async def notify(self) -> None:
        """Wake the worker to check the queue now."""
        self._worker.notify()

    async def check_health(self) -> None:
        """Raise when the worker's loop has ended, so that Serve replaces the replica."""
        if self._loop.done():
            self._loop.result()
            raise RuntimeError("the job worker's loop has ended")

    async def __del__(self) -> None:
        await self._worker.stop()
        await self._loop
        await self._database.close()
