"""Builds the stub: the API itself, over canned models and a database in a temporary folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.types import ASGIApp

from deployments.ingress.assembly import Deployments, assemble
from deployments.serving.cluster import Cluster, ResourceUsage
from deployments.stub.faults import FaultMiddleware
from deployments.stub.models import StubClassifier, StubEmbedder, StubEngine, StubPlanner
from deployments.stub.worker import Faults, FaultyQueue, StubWorker
from jobs.queue.claims import Claims
from jobs.queue.webhooks import WebhookDispatcher
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.registry import job_types
from sidecar.core.settings import Settings

_WATCH_INTERVAL_S: Final = 0.01


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
    embedder, classifier = StubEmbedder(), StubClassifier()
    models = ModelClients.on(
        database, embedder=embedder, classify=classifier.classify, engine=StubEngine()
    )
    known = job_types(settings, models)
    deployments = Deployments(
        embedder=embedder,
        classifier=classifier,
        planner=StubPlanner(),
        job_runner=_StubJobRunner(),
        cluster=_cluster,
        read_metrics=str,
    )
    app = assemble(
        settings,
        database,
        queue,
        models,
        deployments,
        job_types=known,
        version=_version(),
        watch_interval_s=_WATCH_INTERVAL_S,
    )
    worker = StubWorker(Claims(database, runner="stub"), known, settings, faults)
    background = [
        asyncio.create_task(worker.run()),
        asyncio.create_task(WebhookDispatcher.configured(database, settings).run()),
    ]
    try:
        yield FaultMiddleware(app)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await database.close()
