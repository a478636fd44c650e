"""Expired data is deleted, recent and active data stays, and the SQLite file shrinks."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.maintenance.retention import LEASE_DURATION, RetentionService, last_retention_run
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.queue import JobFilter, JobQueue
from jobs.storage.artifacts import Artifact, ArtifactFilter, Artifacts
from jobs.storage.blobs import TEMP_FILE_MAX_AGE, BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, FeedbackFilter, FeedbackStore, Rating
from jobs.storage.leader_election import LeaderLease
from jobs.storage.schema import attempts, job_events, prunings, webhooks
from sidecar.core.errors import NotFound
from sidecar.core.ids import new_id
from tests.unit.conftest import Clock, migrated
from tests.unit.jobs.retention import new_service

DAY_S = 86_400
DONE = JobResult(output={"text": "x" * 2000}, model_id="m", model_version="1")


@pytest.fixture
def blobs(tmp_path: Path, database: Database, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path / "blobs", database, clock)


@pytest.fixture
def retention(database: Database, blobs: BlobStore, clock: Clock) -> RetentionService:
    return new_service(database, blobs, clock)


async def submit_with_image(
    queue: JobQueue, blobs: BlobStore, data: bytes, tenant: str = "t"
) -> Job:
    sha256 = (await blobs.put(tenant, data, "image/png")).sha256
    return await queue.submit(
        NewJob(
            tenant_id=tenant,
            feature="f",
            input_payload={"image": {"sha256": sha256}},
            request_id="r",
            callback_url="https://core.example/done",
        )
    )


async def finish(claims: Claims, count: int) -> None:
    for job in await claims.claim(["f"], count):
        await claims.succeed(job, DONE)


def count_files(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "blobs").rglob("*"))


async def count_rows(database: Database, job: Job) -> int:
    async with database.read() as connection:
        counts = [
            await connection.scalar(
                select(func.count()).select_from(table).where(table.c.job_id == job.id)
            )
            for table in (attempts, job_events, webhooks)
        ]
    return sum(count or 0 for count in counts)


async def test_a_finished_job_is_deleted_completely_after_its_retention(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    database: Database,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    old = [await submit_with_image(queue, blobs, b"old %d" % n) for n in range(7)]
    await finish(claims, 7)
    assert await count_rows(database, old[0])
    clock.advance(29 * DAY_S)
    recent = await submit_with_image(queue, blobs, b"recent")
    await finish(claims, 1)
    first = await retention.run_if_due()
    assert first is not None
    assert (first.jobs, first.artifacts, first.blobs, first.files) == (0, 0, 0, 0)

    clock.advance(2 * DAY_S)
    run = await retention.run_if_due()
    assert run is not None
    assert (run.jobs, run.artifacts, run.blobs, run.files) == (7, 7, 7, 7)
    assert run == await last_retention_run(database)
    [remaining], _ = await queue.list("t", JobFilter(), limit=10, offset=0)
    assert remaining.id == recent.id
    assert [await count_rows(database, job) for job in old] == [0] * 7
    _, artifact_count = await Artifacts(database).list("t", ArtifactFilter(), limit=1, offset=0)
    assert (artifact_count, count_files(tmp_path)) == (1, 1)


async def test_an_unfinished_job_keeps_its_image_at_any_age(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    running = await submit_with_image(queue, blobs, b"running")
    [claimed] = await claims.claim(["f"], 1)
    queued = await submit_with_image(queue, blobs, b"queued")
    clock.advance(40 * DAY_S)
    await retention.run_if_due()
    assert await queue.get("t", running.id) == claimed
    assert await queue.get("t", queued.id) == queued
    assert count_files(tmp_path) == 2

    await claims.succeed(claimed, DONE)
    clock.advance(DAY_S)
    await retention.run_if_due()
    assert (await queue.get("t", running.id)).artifact_id, "it finished a day ago"


async def test_artifacts_of_immediate_responses_and_their_feedback_expire(
    database: Database, retention: RetentionService, clock: Clock
) -> None:
    artifact = Artifact(
        id=new_id("art_", clock.now),
        tenant_id="t",
        user_id=None,
        feature="f",
        request_id="r",
        job_id=None,
        success=True,
        input_payload={"name": "milk"},
        output_payload={},
        error_code=None,
        error_message=None,
        model_id="m",
        model_version="1",
        latency_ms=1.0,
        created_at=clock.now,
    )
    await Artifacts(database).add(artifact)
    store = FeedbackStore(database)
    entry = Feedback(
        id=new_id("fb_", clock.now),
        tenant_id="t",
        user_id="u",
        rating=Rating.THUMBS_UP,
        note="good",
        artifact_id=artifact.id,
        job_id=None,
        correction=None,
        created_at=clock.now,
    )
    await store.add(entry, [])
    clock.advance(31 * DAY_S)
    run = await retention.run_if_due()
    assert run is not None
    assert (run.artifacts, run.feedback) == (1, 1)
    assert await store.list("t", FeedbackFilter(), limit=1, offset=0) == ([], 0)


async def test_an_image_stays_while_any_tenants_job_references_it(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    sha256 = (await submit_with_image(queue, blobs, b"same", "a")).input_payload["image"]["sha256"]
    await finish(claims, 1)
    clock.advance(20 * DAY_S)
    await submit_with_image(queue, blobs, b"same", "b")
    clock.advance(20 * DAY_S)
    await retention.run_if_due()
    with pytest.raises(NotFound):
        await blobs.get("a", sha256)
    assert (await blobs.get("b", sha256))[1] == b"same"
    assert count_files(tmp_path) == 1


async def test_orphaned_blobs_and_files_are_deleted(
    blobs: BlobStore, database: Database, retention: RetentionService, clock: Clock, tmp_path: Path
) -> None:
    sha256 = (await blobs.put("t", b"never submitted", "image/png")).sha256
    shard = tmp_path / "blobs" / "ab"
    shard.mkdir(parents=True)
    (shard / ("ab" + "0" * 62)).write_bytes(b"its row was never committed")
    (shard / ".new-1").write_bytes(b"being written")
    await retention.run_if_due()
    assert (await blobs.get("t", sha256))[1] == b"never submitted", (
        "its job may be about to be submitted"
    )
    assert [path.name for path in shard.iterdir()] == [".new-1"]

    clock.now = clock.now.now(clock.now.tzinfo) + TEMP_FILE_MAX_AGE + timedelta(minutes=1)
    await retention.run_if_due()
    assert count_files(tmp_path) == 0
    with pytest.raises(NotFound):
        await blobs.get("t", sha256)


async def test_a_run_is_executed_by_one_service_and_only_when_due(
    database: Database, blobs: BlobStore, clock: Clock
) -> None:
    first, second = (new_service(database, blobs, clock, holder) for holder in ("r1", "r2"))
    assert await first.run_if_due() is not None
    assert await second.run_if_due() is None
    clock.advance(3601)
    assert await second.run_if_due() is not None


async def test_records_of_runs_expire(
    database: Database, retention: RetentionService, clock: Clock
) -> None:
    for _ in range(3):
        await retention.run_if_due()
        clock.advance(20 * DAY_S)
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(prunings)) == 2


async def test_a_batch_ends_when_its_time_is_over(
    queue: JobQueue,
    claims: Claims,
    database: Database,
    blobs: BlobStore,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.storage.batch_delete._MAX_TRANSACTION_S", 0.0)
    monkeypatch.setattr("jobs.storage.batch_delete._SLICE", 2)
    for n in range(7):
        await submit_with_image(queue, blobs, b"%d" % n)
    await finish(claims, 7)
    clock.advance(31 * DAY_S)
    retention = new_service(database, blobs, clock)
    run = await retention._begin(clock.now)
    remaining = [
        (await queue.list("t", JobFilter(), limit=1, offset=0))[1]
        async for _ in retention._batches(run)
    ]
    assert remaining[:4] == [5, 3, 1, 0]


async def test_an_interrupted_run_is_continued_by_another_service(
    queue: JobQueue, claims: Claims, database: Database, blobs: BlobStore, clock: Clock
) -> None:
    for n in range(7):
        await submit_with_image(queue, blobs, b"%d" % n)
    await finish(claims, 7)
    clock.advance(31 * DAY_S)
    crashed = new_service(database, blobs, clock)
    assert await crashed._lease.acquire()
    run = await crashed._begin(clock.now)
    batches = crashed._batches(run)
    await anext(batches)
    await batches.aclose()
    assert (await queue.list("t", JobFilter(), limit=1, offset=0))[1] == 4

    successor = new_service(database, blobs, clock, "r2")
    assert await successor.run_if_due() is None, "the lease of the crashed service is still valid"
    clock.advance(LEASE_DURATION.total_seconds() + 1)
    done = await successor.run_if_due()
    assert done is not None
    assert (done.id, done.jobs, done.files) == (run.id, 7, 7)


async def test_a_failure_expires_but_its_retried_job_stays(
    queue: JobQueue, claims: Claims, retention: RetentionService, database: Database, clock: Clock
) -> None:
    job = await queue.submit(NewJob(tenant_id="t", feature="f", input_payload={}, request_id="r"))
    [claimed] = await claims.claim(["f"], 1)
    await claims.fail(claimed, AttemptError(code="invalid_image", message="x", retryable=False))
    clock.advance(20 * DAY_S)
    await queue.retry("t", job.id, extra_attempts=1)
    clock.advance(20 * DAY_S)
    await retention.run_if_due()
    assert (await queue.get("t", job.id)).max_attempts == 2
    _, artifact_count = await Artifacts(database).list("t", ArtifactFilter(), limit=1, offset=0)
    assert artifact_count == 0


async def test_the_sqlite_file_shrinks(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "test.db"
    async with migrated(f"sqlite+aiosqlite:///{file}") as database:
        queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r", clock=clock)
        big = JobResult(output={"text": "y" * 50_000}, model_id="m", model_version="1")
        new = NewJob(tenant_id="t", feature="f", input_payload={}, request_id="r")
        for _ in range(60):
            await queue.submit(replace(new))
        for job in await claims.claim(["f"], 60):
            await claims.succeed(job, big)
        await database.checkpoint()
        size_before = file.stat().st_size
        clock.advance(31 * DAY_S)
        blobs = BlobStore(tmp_path / "blobs", database, clock)
        run = await new_service(database, blobs, clock).run_if_due()
        assert run is not None
        assert run.freed_bytes > 2_500_000
        assert file.stat().st_size < size_before / 5


def new_lease(database: Database, clock: Clock, holder: str) -> LeaderLease:
    return LeaderLease(database, "duty", holder=holder, length=LEASE_DURATION, clock=clock)


async def test_the_lease_of_a_dead_service_ends_although_the_clock_was_set_back(
    database: Database, clock: Clock
) -> None:
    dead, living = (new_lease(database, clock, name) for name in ("dead", "living"))
    assert await dead.acquire()
    clock.set_by(-3600)
    assert not await living.acquire()
    clock.advance(LEASE_DURATION.total_seconds() + 1)
    assert await living.acquire()


async def test_a_living_service_renews_its_lease_after_the_clock_was_set_back(
    database: Database, clock: Clock
) -> None:
    first, second = (new_lease(database, clock, name) for name in ("first", "second"))
    assert await first.acquire()
    clock.set_by(-3600)
    assert not await second.acquire()
    clock.advance(60)
    assert await first.acquire()
    clock.advance(61)
    assert not await second.acquire()
