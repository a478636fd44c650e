"""The migrations produce the schema of the code, on both databases."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from jobs.queue.claims import Claims
from jobs.queue.job import JobResult, JobStatus
from jobs.queue.queue import JobFilter, JobQueue
from jobs.queue.webhook_outbox import WebhookOutbox
from jobs.storage.artifacts import Artifacts
from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackFilter, FeedbackStore
from jobs.storage.migrations import migrate, upgrade_to
from jobs.storage.schema import metadata
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock

DATABASES = Path(__file__).parent / "databases"


async def test_migrations_produce_the_schema_of_the_code(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_several_processes_can_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    databases = [Database(url) for _ in range(3)]
    await asyncio.gather(*(migrate(database) for database in databases))
    async with databases[0].read() as connection:
        tables = await connection.execute(text("SELECT name FROM sqlite_master"))
        assert {"jobs", "attempts", "artifacts", "blobs"} <= set(tables.scalars())
        assert await connection.scalar(text("PRAGMA auto_vacuum")) == 2
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
    for database in databases:
        await database.close()


@pytest.fixture
async def old_database(database_url: str) -> AsyncIterator[Database]:
    """A database at the first revision."""
    database = Database(database_url)

    def rebuild(connection: Connection) -> None:
        _drop_all(connection)
        upgrade_to(connection, "0001")

    await database.write_exclusive(rebuild)
    yield database
    await database.close()


async def test_data_of_the_first_revision_is_migrated_to_the_newest(
    old_database: Database,
) -> None:
    await old_database.write_exclusive(_insert_rows)
    await migrate(old_database)
    queue = JobQueue(old_database)
    jobs, total = await queue.list("t", JobFilter(), limit=10, offset=0)
    assert total == 3
    by_id = {job.id: job for job in jobs}
    done = by_id["job_done"]
    assert (done.status, done.version, done.artifact_id) == (JobStatus.SUCCEEDED, 1, "art_done")
    [event] = await queue.events("job_done", after=0)
    assert (event.status, event.created_at) == (JobStatus.SUCCEEDED, NOON)
    assert [attempt.outcome for attempt in await queue.attempts("job_done")] == ["succeeded"]
    artifact = await Artifacts(old_database).get("t", "art_done")
    assert artifact.output_payload == {"total": "1.99"}

    claims = Claims(old_database, runner="new")
    assert await claims.reclaim_expired() == 1, "the old version's running attempt was lost"
    claimed = await claims.claim(["f"], 10)
    assert {job.id for job in claimed} == {"job_running", "job_waiting"}
    for job in claimed:
        assert await claims.succeed(job, JobResult(output={}, model_id="m", model_version="1"))
    async with old_database.read() as connection:
        images = await connection.execute(
            text("SELECT image_sha256 FROM jobs UNION ALL SELECT image_sha256 FROM artifacts")
        )
        assert set(images.scalars()) == {"ab" * 32, None}


@pytest.fixture(params=sorted(DATABASES.glob("*.sql")), ids=lambda path: path.stem)
def saved_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of an earlier release."""
    path = tmp_path / "service.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(request.param.read_text())
    return f"sqlite+aiosqlite:///{path}"


async def test_a_database_of_an_earlier_release_goes_on(saved_url: str, clock: Clock) -> None:
    database = Database(saved_url)
    await migrate(database)
    queue, artifacts = JobQueue(database, clock=clock), Artifacts(database)
    jobs, _ = await queue.list("t", JobFilter(), limit=10)
    queued, running, done = jobs
    assert [job.status for job in jobs] == [
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.SUCCEEDED,
    ]
    assert done.artifact_id is not None
    artifact = await artifacts.get("t", done.artifact_id)
    assert artifact.output_payload == {"merchant": "Corner Shop"}
    feedback, _ = await FeedbackStore(database).list("t", FeedbackFilter(), limit=10, offset=0)
    assert [entry.note for entry in feedback] == ["no"]
    key = (CorrectionKind.CATEGORY, "milk")
    corrected = await CorrectionStore(database).lookup("t", {key[0]: {key[1]}})
    assert corrected[key].value == "Dairy"
    webhook = await WebhookOutbox(database).latest(done.id)
    assert webhook is not None
    assert not webhook.delivered

    clock.advance(3600)
    claims = Claims(database, runner="new", clock=clock)
    assert await claims.reclaim_expired() == 1
    claimed = await claims.claim(["t"], 10)
    assert {job.id for job in claimed} == {queued.id, running.id}
    result = JobResult(output={}, model_id="m", model_version="1")
    assert all([await claims.succeed(job, result) for job in claimed])
    async with database.read() as connection:
        assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert (await connection.execute(text("PRAGMA foreign_key_check"))).all() == []
    await database.close()


NOON = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def _drop_all(connection: Connection) -> None:
    existing = MetaData()
    existing.reflect(connection)
    existing.drop_all(connection)


def _insert_rows(connection: Connection) -> None:
    tables = MetaData()
    tables.reflect(connection)
    noon = NOON.replace(tzinfo=None) if connection.dialect.name == "sqlite" else NOON
    job = {
        "tenant_id": "t",
        "feature": "f",
        "priority": 10,
        "request_id": "r",
        "fingerprint": "x",
        "input_payload": {"image": {"sha256": "ab" * 32}},
        "attempt": 1,
        "max_attempts": 3,
        "progress": 0.0,
        "due_at": noon,
        "created_at": noon,
    }
    for row in (
        {"id": "job_done", "status": "succeeded", "finished_at": noon, "artifact_id": "art_done"},
        {
            "id": "job_running",
            "status": "running",
            "attempt_token": "x",
            "lease_expires_at": noon,
        },
        {"id": "job_waiting", "status": "queued", "input_payload": {}, "attempt": 0},
    ):
        connection.execute(tables.tables["jobs"].insert().values({**job, **row}))
    connection.execute(
        tables.tables["attempts"]
        .insert()
        .values(job_id="job_done", number=1, runner="r", started_at=noon, outcome="succeeded")
    )
    connection.execute(
        tables.tables["artifacts"]
        .insert()
        .values(
            id="art_done",
            tenant_id="t",
            feature="f",
            request_id="r",
            job_id="job_done",
            success=True,
            input_payload=job["input_payload"],
            output_payload={"total": "1.99"},
            latency_ms=1.0,
            created_at=noon,
        )
    )
