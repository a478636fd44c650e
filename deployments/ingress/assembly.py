"""Puts the application together from a database and the clients of the other deployments."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from deployments.dashboard import usage
from deployments.dashboard.job_history import FinishedJobsWindow
from deployments.dashboard.model_history import ModelHistory
from deployments.dashboard.overview import OverviewService
from deployments.dashboard.page_images import PageImages
from deployments.dashboard.services import DashboardServices
from deployments.dashboard.stale_while_revalidate import StaleWhileRevalidate
from deployments.http.feedback_recorder import FeedbackRecorder
from deployments.ingress.app import build_app
from deployments.ingress.draining import DrainGate
from deployments.ingress.health_checks import HealthChecks
from deployments.ingress.routes.job_events import MAX_EVENT_STREAMS
from deployments.ingress.services import Services
from deployments.ingress.tenant_limiter import TenantConcurrencyLimiter
from deployments.serving.clients import (
    ClassifierClient,
    JobRunnerClient,
    PlannerClient,
    SearchClient,
)
from deployments.serving.cluster import Cluster
from jobs.maintenance.erasure import TenantEraser
from jobs.maintenance.retention import last_retention_run
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.admission import AdmissionController
from jobs.queue.job_type import JobType
from jobs.queue.job_watcher import JobWatcher
from jobs.queue.queue import JobQueue, utc_now
from jobs.queue.review_queries import ReviewQueries
from jobs.queue.reviews import Reviews
from jobs.queue.usage_queries import UsageQueries
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.queue.webhooks import MAX_CONCURRENT_PER_TENANT
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.tasks.model_clients import ModelClients
from sidecar.core.metrics import NULL_METER, Meter
from sidecar.core.settings import Settings

#: Seconds after which a viewed page of the tenants' use is counted anew: it takes a while.
_USAGE_PERIOD_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Deployments:
    """Clients of the other deployments, and the status and the metrics of them all."""

    embedder: SearchClient
    classifier: ClassifierClient
    planner: PlannerClient
    job_runner: JobRunnerClient
    cluster: Callable[[], Awaitable[Cluster]]
    read_metrics: Callable[[], str]  # blocks; see ModelHistory


def assemble(
    settings: Settings,
    database: Database,
    queue: JobQueue,
    models: ModelClients,
    deployments: Deployments,
    *,
    job_types: Mapping[str, JobType],
    version: str,
    watch_interval_s: float,
    meter: Meter = NULL_METER,
    drain_gate: DrainGate | None = None,
) -> FastAPI:
    """Return the application. `watch_interval_s` is how often it looks for the end of a job."""
    artifacts = Artifacts(database)
    blobs = BlobStore(settings.blob_dir, database, utc_now)
    queries = AdminQueries(database)
    review_queries = ReviewQueries(database)
    reviews = Reviews(database, models.feedback)
    usage_queries = UsageQueries(database)
    webhooks = WebhookOutbox(database)
    recorder = FeedbackRecorder(queue=queue, artifacts=artifacts, reviews=reviews, clock=utc_now)
    health = HealthChecks(
        queue=queue,
        blobs=blobs,
        job_runner=deployments.job_runner,
        planner=deployments.planner,
        embedder=deployments.embedder,
        classifier=deployments.classifier,
        engine=models.engine,
        vision_engine=models.vision.engine if settings.engine.vision_model else None,
        hardware=settings.hardware,
    )
    services = Services(
        settings=settings,
        version=version,
        clock=utc_now,
        queue=queue,
        admission=AdmissionController.configured(queue, settings),
        watcher=JobWatcher(queue, poll_s=watch_interval_s),
        job_types=job_types,
        artifacts=artifacts,
        blobs=blobs,
        feedback=models.feedback,
        corrections=models.corrections,
        reviews=reviews,
        feedback_recorder=recorder,
        eraser=TenantEraser(database, blobs, utc_now),
        embedder=deployments.embedder,
        categorizer=models.categorizer,
        planner=deployments.planner,
        engine=models.engine,
        chat_limiter=TenantConcurrencyLimiter(settings.engine.tenant_concurrency),
        webhooks=webhooks,
        ping_limiter=TenantConcurrencyLimiter(MAX_CONCURRENT_PER_TENANT),
        event_limiter=TenantConcurrencyLimiter(MAX_EVENT_STREAMS),
        health=health,
        meter=meter,
        drain_gate=drain_gate or DrainGate(),
    )
    model_history = ModelHistory(deployments.read_metrics, utc_now)
    overview = OverviewService(
        queries=queries,
        finished_jobs=FinishedJobsWindow(queries, utc_now),
        to_review=review_queries.count,
        pauses=queue.pauses,
        models=model_history,
        features=tuple(job_types),
        checks=health.run,
        cluster=deployments.cluster,
        last_retention_run=lambda: last_retention_run(database),
        retention_interval=timedelta(seconds=settings.retention.interval_s),
        data_dir=settings.data_dir,
        clock=utc_now,
    )
    dashboard = DashboardServices(
        queries=queries,
        queue=queue,
        blobs=blobs,
        job_types=job_types,
        feedback_recorder=recorder,
        corrections=models.corrections,
        reviews=reviews,
        review_queries=review_queries,
        review_threshold=settings.receipt.review_threshold,
        artifacts=artifacts,
        overview=overview,
        models=model_history,
        page_images=PageImages(settings),
        usage=StaleWhileRevalidate(
            lambda: usage_queries.usage(utc_now(), usage.DAYS), period_s=_USAGE_PERIOD_S
        ),
        clock=utc_now,
        webhooks=webhooks,
    )
    return build_app(services, dashboard)
