"""The service container that the dashboard's routes depend on, built once per replica."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from deployments.dashboard.model_history import ModelHistory
from deployments.dashboard.overview import OverviewService
from deployments.dashboard.page_images import PageImages
from deployments.dashboard.stale_while_revalidate import StaleWhileRevalidate
from deployments.dashboard.templates import Templates
from deployments.http.feedback_recorder import FeedbackRecorder
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.job_type import JobType
from jobs.queue.queue import JobQueue
from jobs.queue.review_queries import ReviewQueries
from jobs.queue.reviews import Reviews
from jobs.queue.usage_queries import Usage
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.corrections import CorrectionStore


@dataclass(frozen=True, kw_only=True)
class DashboardServices:
    """The queries, the queue and the overview service."""

    queries: AdminQueries
    queue: JobQueue
    blobs: BlobStore
    job_types: Mapping[str, JobType]
    feedback_recorder: FeedbackRecorder
    corrections: CorrectionStore
    reviews: Reviews
    review_queries: ReviewQueries
    review_threshold: float
    artifacts: Artifacts
    overview: OverviewService[Any]
    page_images: PageImages
    models: ModelHistory
    usage: StaleWhileRevalidate[Usage]
    clock: Callable[[], datetime]
    webhooks: WebhookOutbox
    templates: Templates = field(default_factory=Templates)


async def _services_of(request: Request) -> DashboardServices:
    services: DashboardServices = request.app.state.dashboard
    return services


#: The container as a route parameter.
DashboardDep = Annotated[DashboardServices, Depends(_services_of)]
