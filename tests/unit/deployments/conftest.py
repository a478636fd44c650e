import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from deployments.ingress.assembly import Deployments, assemble
from deployments.serving.cluster import Cluster, DeploymentState, ResourceUsage
from jobs.queue.claims import Claims
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.registry import job_types
from sidecar.core.metrics import NULL_METER, Meter
from sidecar.core.setting_groups import QueueSettings
from sidecar.core.settings import Settings
from sidecar.embedding.model import ModelInfo
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.solve import solve
from sidecar.planning.suggestions import suggest
from sidecar.search.ranking import SearchResult, search, semantic_scores
from sidecar.search.schemas import SearchRequest
from tests.contract import check_answer
from tests.unit.jobs import fake_models
from tests.unit.sidecar.llm.echo_engine import EchoEngine


@dataclass
class IngressClient:
    """An HTTP client of the ingress over a real database, without a job worker."""

    http: httpx.AsyncClient
    queue: JobQueue
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
        sync_timeout_s=0.05,
        queue=QueueSettings(poll_interval_s=0.01),
    )


class FakeEmbedder:
    """Embeds texts as the jobs' tests do, and ranks documents by those vectors."""

    embed = staticmethod(fake_models.embed)
    embed_for_matching = staticmethod(fake_models.embed)
    info = staticmethod(fake_models.info)

    async def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text.split()) for text in texts)

    async def search(self, request: SearchRequest) -> tuple[Sequence[SearchResult], ModelInfo]:
        documents = [document.text for document in request.documents]
        vectors = await self.embed([request.query, *documents])
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        results = search(request.as_query, documents, semantic_scores(unit[1:], unit[0]))
        return results, await self.info()


class FakeClassifier:
    async def info(self) -> str:
        return "lengths"


class FakePlanner:
    """Solves plans in this process."""

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        return await asyncio.to_thread(solve, request, clock=time.monotonic)

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        return suggest(request)

    async def worker_count(self) -> int:
        return 1


class FakeJobRunner:
    async def running_count(self) -> int:
        return 1


async def _cluster() -> Cluster:
    ingress = DeploymentState(name="Ingress", status="HEALTHY", message="", replicas={"RUNNING": 1})
    return Cluster(
        deployments=[ingress],
        cpus=ResourceUsage(used=0.5, total=2),
        gpus=ResourceUsage(used=0, total=0),
    )


@asynccontextmanager
async def serve_ingress(
    settings: Settings,
    *,
    database_url: str | None = None,
    migrated: bool = True,
    meter: Meter = NULL_METER,
    on_queued: Callable[[], None] = lambda: None,
) -> AsyncIterator[IngressClient]:
    settings.data_dir.mkdir(exist_ok=True)
    database = Database(database_url or settings.resolved_database_url)
    if migrated:
        await migrate(database)
    queue = JobQueue(database, on_queued=on_queued)
    engine = EchoEngine()
    embedder = FakeEmbedder()
    models = ModelClients.on(
        database, embedder=embedder, classify=fake_models.classify, engine=engine
    )
    deployments = Deployments(
        embedder=embedder,
        classifier=FakeClassifier(),
        planner=FakePlanner(),
        job_runner=FakeJobRunner(),
        cluster=_cluster,
        read_metrics=str,
    )
    app = assemble(
        settings,
        database,
        queue,
        models,
        deployments,
        job_types=job_types(settings, models),
        version="1.2.3",
        watch_interval_s=settings.queue.poll_interval_s,
        meter=meter,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    hooks = {"response": [check_answer]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", event_hooks=hooks
    ) as http:
        yield IngressClient(http, queue, Claims(database, runner="r1"), database, engine)
    await database.close()


@pytest.fixture
async def ingress(settings: Settings) -> AsyncIterator[IngressClient]:
    async with serve_ingress(settings) as ingress:
        yield ingress
