"""The Ingress deployment: the HTTP application in a Serve replica."""

import asyncio
import sys
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.dashboard.job_history import FinishedJobsWindow
from deployments.dashboard.overview import OverviewService
from deployments.dashboard.services import DashboardServices
from deployments.http.feedback_recorder import FeedbackRecorder
from deployments.ingress.app import build_app
from deployments.ingress.draining import DrainGate
from deployments.ingress.health_checks import HealthChecks
from deployments.ingress.services import Services
from deployments.ingress.tenant_limiter import TenantConcurrencyLimiter
from deployments.serving.handles import (
    ClassifierHandle,
    EmbedderHandle,
    JobRunnerHandle,
    PlannerHandle,
    build_model_clients,
)
from deployments.serving.metrics import RayMeter
from deployments.serving.status import cluster_status
from jobs.maintenance.erasure import TenantEraser
from jobs.maintenance.retention import last_retention_run
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.admission import AdmissionController
from jobs.queue.job_watcher import JobWatcher
from jobs.queue.notifier import RunnerNotifier
from jobs.queue.queue import JobQueue, utc_now
from jobs.queue.review_queries import ReviewQueries
from jobs.queue.reviews import Reviews
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.queue.webhooks import MAX_CONCURRENT_PER_TENANT
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
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
        blobs = BlobStore(settings.blob_dir, database, utc_now)
        artifacts = Artifacts(database)
        queries = AdminQueries(database)
        review_queries = ReviewQueries(database)
        models = build_model_clients(
            settings,
            embedder=self._embedder,
            classifier=self._classifier,
            feedback=FeedbackStore(database),
            corrections=CorrectionStore(database),
        )
        known_job_types = job_types(settings, models)
        reviews = Reviews(database, models.feedback)
        recorder = FeedbackRecorder(
            queue=queue, artifacts=artifacts, reviews=reviews, clock=utc_now
        )
        health = HealthChecks(
            queue=queue,
            blobs=blobs,
            job_runner=self._job_runner,
            planner=self._planner,
            embedder=self._embedder,
            classifier=self._classifier,
            engine=models.engine,
        )
        services = Services(
            settings=settings,
            version=version("grocery-sidecar"),
            clock=utc_now,
            queue=queue,
            admission=AdmissionController.configured(queue, settings),
            watcher=JobWatcher(queue, poll_s=settings.queue.poll_interval_s / 2),
            job_types=known_job_types,
            artifacts=artifacts,
            blobs=blobs,
            feedback=models.feedback,
            corrections=models.corrections,
            reviews=reviews,
            feedback_recorder=recorder,
            eraser=TenantEraser(database, blobs, utc_now),
            embedder=self._embedder,
            categorizer=models.categorizer,
            planner=self._planner,
            engine=models.engine,
            chat_limiter=TenantConcurrencyLimiter(settings.engine.tenant_concurrency),
            webhooks=WebhookOutbox(database),
            ping_limiter=TenantConcurrencyLimiter(MAX_CONCURRENT_PER_TENANT),
            health=health,
            meter=RayMeter(),
            drain_gate=self._drain_gate,
        )
        overview = OverviewService(
            queries=queries,
            finished_jobs=FinishedJobsWindow(queries, utc_now),
            to_review=review_queries.count,
            features=tuple(known_job_types),
            checks=health.run,
            cluster=lambda: asyncio.to_thread(cluster_status),
            last_retention_run=lambda: last_retention_run(database),
            retention_interval=timedelta(seconds=settings.retention.interval_s),
            data_dir=settings.data_dir,
            clock=utc_now,
        )
        dashboard = DashboardServices(
            queries=queries,
            queue=queue,
            blobs=blobs,
            job_types=known_job_types,
            feedback_recorder=recorder,
            corrections=models.corrections,
            reviews=reviews,
            review_queries=review_queries,
            review_threshold=settings.receipt.review_threshold,
            artifacts=artifacts,
            overview=overview,
            clock=utc_now,
            webhooks=WebhookOutbox(database),
        )
        return build_app(services, dashboard)

    async def drain(self) -> int:
        """Refuse new requests; return how many are still in flight."""
        return self._drain_gate.begin_drain()

    async def __del__(self) -> None:
        await self._database.close()
