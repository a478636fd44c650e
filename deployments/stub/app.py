"""Builds the stub: the API itself, over canned models and a database in a temporary folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from starlette.types import ASGIApp

from deployments.dashboard.job_history import FinishedJobsWindow
from deployments.dashboard.overview import OverviewService
from deployments.dashboard.services import DashboardServices
from deployments.http.feedback_recorder import FeedbackRecorder
from deployments.ingress.app import build_app
from deployments.ingress.health_checks import HealthChecks
from deployments.ingress.services import Services
from deployments.ingress.tenant_limiter import TenantConcurrencyLimiter
from deployments.serving.cluster import Cluster, ResourceUsage
from deployments.stub.faults import FaultMiddleware
from deployments.stub.models import StubClassifier, StubEmbedder, StubEngine, StubPlanner
from deployments.stub.worker import Faults, FaultyQueue, StubWorker
from jobs.maintenance.erasure import TenantEraser
from jobs.maintenance.retention import last_retention_run
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.admission import AdmissionController
from jobs.queue.claims import Claims
from jobs.queue.job_watcher import JobWatcher
from jobs.queue.queue import utc_now
from jobs.queue.review_queries import ReviewQueries
from jobs.queue.reviews import Reviews
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.queue.webhooks import MAX_CONCURRENT_PER_TENANT, WebhookDispatcher
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.storage.migrations import migrate
from jobs.tasks.categorizer import Categorizer
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.registry import job_types
from sidecar.core.settings import Settings


class _StubJobRunner:
    async def running_count(self) -> int:
        return 0


async def _cluster() -> Cluster:
    none = ResourceUsage(used=0, total=0)
    return Cluster(deployments=[], cpus=none, gpus=none)


def _version() -> str:
    try:
        return f"{version('grocery-sidecar')}+stub"
    except PackageNotFoundError:  # run from a folder without installing it
        return "stub"


@asynccontextmanager
async def stub_app(settings: Settings) -> AsyncIterator[ASGIApp]:
    """Provide the stub's application, with its worker and its webhooks running."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.resolved_database_url)
    await migrate(database)
    faults: Faults = {}
    worker: StubWorker | None = None

    def notify() -> None:
        if worker is not None:
            worker.notify()

    queue = FaultyQueue(database, on_queued=notify)
    queue.faults = faults
    feedback = FeedbackStore(database)
    artifacts = Artifacts(database)
    blobs = BlobStore(settings.blob_dir, database, utc_now)
    queries = AdminQueries(database)
    review_queries = ReviewQueries(database)
    webhooks = WebhookOutbox(database)
    embedder, planner, engine = StubEmbedder(), StubPlanner(), StubEngine()
    models = ModelClients(
        embedder=embedder,
        categorizer=Categorizer(StubClassifier().classify, feedback),
        feedback=feedback,
        corrections=CorrectionStore(database),
        engine=engine,
    )
    known = job_types(settings, models)
    reviews = Reviews(database, feedback)
    recorder = FeedbackRecorder(queue=queue, artifacts=artifacts, reviews=reviews, clock=utc_now)
    health = HealthChecks(
        queue=queue,
        blobs=blobs,
        job_runner=_StubJobRunner(),
        planner=planner,
        embedder=embedder,
        classifier=StubClassifier(),
        engine=engine,
    )
    services = Services(
        settings=settings,
        version=_version(),
        clock=utc_now,
        queue=queue,
        admission=AdmissionController.configured(queue, settings),
        watcher=JobWatcher(queue, poll_s=0.01),
        job_types=known,
        artifacts=artifacts,
        blobs=blobs,
        feedback=feedback,
        corrections=models.corrections,
        reviews=reviews,
        feedback_recorder=recorder,
        eraser=TenantEraser(database, blobs, utc_now),
        embedder=embedder,
        categorizer=models.categorizer,
        planner=planner,
        engine=engine,
        chat_limiter=TenantConcurrencyLimiter(settings.engine.tenant_concurrency),
        webhooks=webhooks,
        ping_limiter=TenantConcurrencyLimiter(MAX_CONCURRENT_PER_TENANT),
        health=health,
    )
    overview = OverviewService(
        queries=queries,
        finished_jobs=FinishedJobsWindow(queries, utc_now),
        to_review=review_queries.count,
        features=tuple(known),
        checks=health.run,
        cluster=_cluster,
        last_retention_run=lambda: last_retention_run(database),
        retention_interval=timedelta(seconds=settings.retention.interval_s),
        data_dir=settings.data_dir,
        clock=utc_now,
    )
    dashboard = DashboardServices(
        queries=queries,
        queue=queue,
        blobs=blobs,
        job_types=known,
        feedback_recorder=recorder,
        corrections=models.corrections,
        reviews=reviews,
        review_queries=review_queries,
        review_threshold=settings.receipt.review_threshold,
        artifacts=artifacts,
        overview=overview,
        clock=utc_now,
        webhooks=webhooks,
    )
    worker = StubWorker(Claims(database, runner="stub"), known, settings, faults)
    background = [
        asyncio.create_task(worker.run()),
        asyncio.create_task(WebhookDispatcher.configured(database, settings).run()),
    ]
    try:
        yield FaultMiddleware(build_app(services, dashboard))
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await database.close()
