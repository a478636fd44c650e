import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from deployments.dashboard.cluster import Cluster, DeploymentState, Share
from deployments.dashboard.job_history import RecentlyEnded
from deployments.ingress.app import build_app
from deployments.ingress.services import Parts
from jobs.maintenance.erasure import Erasure
from jobs.queue.admin_queries import Board
from jobs.queue.admission import Backlog
from jobs.queue.claims import Claims
from jobs.queue.job_watcher import JobWatch
from jobs.queue.queue import Queue, utc_now
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.storage.migrations import migrate
from jobs.tasks.categorizer import Categories
from jobs.tasks.registry import features
from sidecar.core.metrics import UNMETERED, Meter
from sidecar.core.settings import Settings
from sidecar.embedding.described import Described
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.solve import solve
from sidecar.planning.suggestions import suggest
from sidecar.search.ranking import Result, search
from sidecar.search.schemas import Search
from tests.unit.jobs import served_models as texts
from tests.unit.sidecar.llm.echo_engine import EchoEngine


@dataclass
class Front:
    """The HTTP surface over a real database, with nobody who runs its jobs."""

    client: httpx.AsyncClient
    queue: Queue
    claims: Claims
    database: Database
    engine: EchoEngine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    images = tmp_path / "images"
    images.mkdir()
    return Settings(
        data_dir=tmp_path / "data",
        image_dir=images,
        max_body_bytes=20_000,
        max_image_bytes=8_000,
        wait_timeout_s=0.05,
        poll_s=0.01,
    )


async def _one() -> int:
    return 1


async def _backend() -> str:
    return "lengths"


async def _search(request: Search) -> tuple[Sequence[Result], Described]:
    documents = [document.text for document in request.documents]
    vectors = await texts.embed([request.query, *documents])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = search(request.asked, documents, unit[1:], unit[0])
    return found, await texts.embedder()


async def _plan(request: PlanRequest) -> PlanAnswer:
    return await asyncio.to_thread(solve, request, clock=time.monotonic)


async def _suggest(request: SuggestionRequest) -> Sequence[Suggestion]:
    return suggest(request)


async def _cluster() -> Cluster:
    ingress = DeploymentState(name="Ingress", status="HEALTHY", message="", replicas={"RUNNING": 1})
    return Cluster(
        deployments=[ingress], cpus=Share(used=0.5, total=2), gpus=Share(used=0, total=0)
    )


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    database_url: str | None = None,
    migrated: bool = True,
    meter: Meter = UNMETERED,
    on_queued: Callable[[], None] = lambda: None,
) -> AsyncIterator[Front]:
    settings.data_dir.mkdir(exist_ok=True)
    database = Database(database_url or settings.resolved_database_url)
    if migrated:
        await migrate(database)
    queue = Queue(database, on_queued=on_queued)
    feedback = FeedbackStore(database)
    blobs = BlobStore(settings.blob_dir, database, utc_now)
    engine = EchoEngine()
    app = build_app(
        Parts(
            settings=settings,
            version="1.2.3",
            queue=queue,
            backlog=Backlog.configured(queue, settings),
            blobs=blobs,
            erasure=Erasure(database, blobs, utc_now),
            artifacts=Artifacts(database),
            feedback=feedback,
            watch=JobWatch(queue, poll_s=settings.poll_s),
            board=Board(database),
            recently_ended=RecentlyEnded(database, utc_now),
            features=features(settings),
            engine=engine,
            clock=utc_now,
            embed=texts.embed,
            embedder=texts.embedder,
            search=_search,
            categories=Categories(texts.classify, feedback),
            classifier=_backend,
            plan=_plan,
            suggest=_suggest,
            solver_processes=_one,
            running_attempts=_one,
            cluster=_cluster,
            meter=meter,
        )
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield Front(client, queue, Claims(database, runner="r1"), database, engine)
    await database.close()


@pytest.fixture
async def front(settings: Settings) -> AsyncIterator[Front]:
    async with serving(settings) as front:
        yield front
