"""The service container that the routes depend on, built once per replica."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from deployments.http.feedback_recorder import FeedbackRecorder
from deployments.ingress.draining import DrainGate
from deployments.ingress.health_checks import HealthChecks
from deployments.ingress.tenant_limiter import TenantConcurrencyLimiter
from deployments.serving.clients import PlannerClient, SearchClient
from jobs.maintenance.erasure import TenantEraser
from jobs.queue.admission import AdmissionController
from jobs.queue.job_type import JobType
from jobs.queue.job_watcher import JobWatcher
from jobs.queue.queue import JobQueue
from jobs.queue.reviews import Reviews
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.corrections import CorrectionStore
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categorizer
from sidecar.core.metrics import NULL_METER, Meter
from sidecar.core.settings import Settings
from sidecar.llm.protocol import ChatEngine


@dataclass(frozen=True, kw_only=True)
class Services:
    """The stores, the queue and the clients of the other deployments."""

    settings: Settings
    version: str
    clock: Callable[[], datetime]

    queue: JobQueue
    admission: AdmissionController
    watcher: JobWatcher
    job_types: Mapping[str, JobType]

    artifacts: Artifacts
    blobs: BlobStore
    feedback: FeedbackStore
    corrections: CorrectionStore
    reviews: Reviews
    feedback_recorder: FeedbackRecorder
    eraser: TenantEraser

    embedder: SearchClient
    categorizer: Categorizer
    planner: PlannerClient
    engine: ChatEngine
    chat_limiter: TenantConcurrencyLimiter

    webhooks: WebhookOutbox
    ping_limiter: TenantConcurrencyLimiter
    event_limiter: TenantConcurrencyLimiter

    health: HealthChecks
    meter: Meter = NULL_METER
    drain_gate: DrainGate = field(default_factory=DrainGate)


async def _services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


#: The container as a route parameter.
ServicesDep = Annotated[Services, Depends(_services_of)]
