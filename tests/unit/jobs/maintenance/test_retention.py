"""What is old goes, what is young or at work stays, and the file on the disk gets smaller."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.maintenance.retention import LEASE, RetentionService, last_retention_run
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.queue import JobFilter, JobQueue
from jobs.storage.artifacts import Artifact, ArtifactFilter, Artifacts
from jobs.storage.blobs import CRASHED_AFTER, BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, FeedbackFilter, FeedbackStore, Rating
from jobs.storage.schema import attempts, job_events, prunings, webhooks
from sidecar.core.errors import NotFound
from sidecar.core.ids import new_id
from tests.unit.jobs.conftest import Clock, migrated

DAY_S = 86_400
DONE = JobResult(output={"text": "x" * 2000}, model_id="m", model_version="1")


@pytest.fixture
def blobs(tmp_path: Path, database: Database, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path / "blobs", database, clock)


def pruner(
    database: Database, blobs: BlobStore, clock: Clock, holder: str = "r1"
) -> RetentionService:
    return RetentionService(
        database,
        blobs,
        holder=holder,
        keep=timedelta(days=30),
        every=timedelta(hours=1),
        batch=3,
        pause_s=0,
        clock=clock,
    )


@pytest.fixture
def retention(database: Database, blobs: BlobStore, clock: Clock) -> RetentionService:
    return pruner(database, blobs, clock)


async def with_image(queue: JobQueue, blobs: BlobStore, data: bytes, tenant: str = "t") -> Job:
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
    for held in await claims.claim(["f"], count):
        await claims.succeed(held, DONE)


def on_disk(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "blobs").rglob("*"))


async def rows_about(database: Database, job: Job) -> int:
    async with database.read() as connection:
        counts = [
            await connection.scalar(
                select(func.count()).select_from(table).where(table.c.job_id == job.id)
            )
            for table in (attempts, job_events, webhooks)
        ]
    return sum(count or 0 for count in counts)


async def test_after_thirty_days_nothing_of_a_job_is_left(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    database: Database,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    old = [await with_image(queue, blobs, b"old %d" % n) for n in range(7)]
    await finish(claims, 7)
    assert await rows_about(database, old[0])
    clock.pass_(29 * DAY_S)
    young = await with_image(queue, blobs, b"young")
    await finish(claims, 1)
    first = await retention.prune_if_due()
    assert first is not None
    assert (first.jobs, first.artifacts, first.blobs, first.files) == (0, 0, 0, 0)

    clock.pass_(2 * DAY_S)
    pruning = await retention.prune_if_due()
    assert pruning is not None
    assert (pruning.jobs, pruning.artifacts, pruning.blobs, pruning.files) == (7, 7, 7, 7)
    assert pruning == await last_retention_run(database)
    [left], _ = await queue.list("t", JobFilter(), limit=10, offset=0)
    assert left.id == young.id
    assert [await rows_about(database, job) for job in old] == [0] * 7
    _, artifacts = await Artifacts(database).list("t", ArtifactFilter(), limit=1, offset=0)
    assert (artifacts, on_disk(tmp_path)) == (1, 1)


async def test_a_job_that_waits_or_runs_keeps_its_image_however_old_it_is(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    running = await with_image(queue, blobs, b"one")
    [held] = await claims.claim(["f"], 1)
    waiting = await with_image(queue, blobs, b"two")
    clock.pass_(40 * DAY_S)
    await retention.prune_if_due()
    assert await queue.get("t", running.id) == held
    assert await queue.get("t", waiting.id) == waiting
    assert on_disk(tmp_path) == 2

    await claims.succeed(held, DONE)
    clock.pass_(DAY_S)
    await retention.prune_if_due()
    assert (await queue.get("t", running.id)).artifact_id, "it ended a day ago"


async def test_what_was_answered_at_once_and_what_was_said_of_it_expire_too(
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
    feedback = FeedbackStore(database)
    said = Feedback(
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
    await feedback.add(said, [])
    clock.pass_(31 * DAY_S)
    pruning = await retention.prune_if_due()
    assert pruning is not None
    assert (pruning.artifacts, pruning.feedback) == (1, 1)
    assert await feedback.list("t", FeedbackFilter(), limit=1, offset=0) == ([], 0)


async def test_an_image_is_kept_while_any_tenants_job_names_it(
    queue: JobQueue,
    claims: Claims,
    blobs: BlobStore,
    retention: RetentionService,
    clock: Clock,
    tmp_path: Path,
) -> None:
    sha256 = (await with_image(queue, blobs, b"same", "a")).input_payload["image"]["sha256"]
    await finish(claims, 1)
    clock.pass_(20 * DAY_S)
    await with_image(queue, blobs, b"same", "b")
    clock.pass_(20 * DAY_S)
    await retention.prune_if_due()
    with pytest.raises(NotFound):
        await blobs.get("a", sha256)
    assert (await blobs.get("b", sha256))[1] == b"same"
    assert on_disk(tmp_path) == 1


async def test_images_without_a_job_and_files_without_a_row_are_swept(
    blobs: BlobStore, database: Database, retention: RetentionService, clock: Clock, tmp_path: Path
) -> None:
    sha256 = (await blobs.put("t", b"never submitted", "image/png")).sha256
    shard = tmp_path / "blobs" / "ab"
    shard.mkdir(parents=True)
    (shard / ("ab" + "0" * 62)).write_bytes(b"its row was never committed")
    (shard / ".new-1").write_bytes(b"being written")
    await retention.prune_if_due()
    assert (await blobs.get("t", sha256))[1] == b"never submitted", "its job may be on the way"
    assert [path.name for path in shard.iterdir()] == [".new-1"]

    clock.now = clock.now.now(clock.now.tzinfo) + CRASHED_AFTER + timedelta(minutes=1)
    await retention.prune_if_due()
    assert on_disk(tmp_path) == 0
    with pytest.raises(NotFound):
        await blobs.get("t", sha256)


async def test_a_pruning_is_done_by_one_and_only_when_it_is_time(
    database: Database, blobs: BlobStore, clock: Clock
) -> None:
    one, other = (pruner(database, blobs, clock, holder) for holder in ("r1", "r2"))
    assert await one.prune_if_due() is not None
    assert await other.prune_if_due() is None
    clock.pass_(3601)
    assert await other.prune_if_due() is not None


async def test_the_record_of_prunings_expires_like_the_rest(
    database: Database, retention: RetentionService, clock: Clock
) -> None:
    for _ in range(3):
        await retention.prune_if_due()
        clock.pass_(20 * DAY_S)
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(prunings)) == 2


async def test_a_batch_of_large_rows_ends_early(
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
        await with_image(queue, blobs, b"%d" % n)
    await finish(claims, 7)
    clock.pass_(31 * DAY_S)
    retention = pruner(database, blobs, clock)
    begun = await retention._begin(clock.now)
    left = [
        (await queue.list("t", JobFilter(), limit=1, offset=0))[1]
        async for _ in retention._batches(begun)
    ]
    assert left[:4] == [5, 3, 1, 0]


async def test_a_pruning_that_was_cut_short_goes_on_under_another_runner(
    queue: JobQueue, claims: Claims, database: Database, blobs: BlobStore, clock: Clock
) -> None:
    for n in range(7):
        await with_image(queue, blobs, b"%d" % n)
    await finish(claims, 7)
    clock.pass_(31 * DAY_S)
    dying = pruner(database, blobs, clock)
    assert await dying._lease.hold()
    begun = await dying._begin(clock.now)
    batches = dying._batches(begun)
    await anext(batches)
    await batches.aclose()
    assert (await queue.list("t", JobFilter(), limit=1, offset=0))[1] == 4

    heir = pruner(database, blobs, clock, "r2")
    assert await heir.prune_if_due() is None, "the lease of the dead one still runs"
    clock.pass_(LEASE.total_seconds() + 1)
    done = await heir.prune_if_due()
    assert done is not None
    assert (done.id, done.jobs, done.files) == (begun.id, 7, 7)


async def test_the_failure_of_a_job_that_goes_on_expires_and_the_job_stays(
    queue: JobQueue, claims: Claims, retention: RetentionService, database: Database, clock: Clock
) -> None:
    job = await queue.submit(NewJob(tenant_id="t", feature="f", input_payload={}, request_id="r"))
    [held] = await claims.claim(["f"], 1)
    await claims.fail(held, AttemptError(code="invalid_image", message="x", retryable=False))
    clock.pass_(20 * DAY_S)
    await queue.retry("t", job.id, extra_attempts=1)
    clock.pass_(20 * DAY_S)
    await retention.prune_if_due()
    assert (await queue.get("t", job.id)).max_attempts == 2
    _, artifacts = await Artifacts(database).list("t", ArtifactFilter(), limit=1, offset=0)
    assert artifacts == 0


async def test_the_sqlite_file_really_shrinks(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "test.db"
    async with migrated(f"sqlite+aiosqlite:///{file}") as database:
        queue, claims = JobQueue(database, clock=clock), Claims(database, runner="r", clock=clock)
        big = JobResult(output={"text": "y" * 50_000}, model_id="m", model_version="1")
        new = NewJob(tenant_id="t", feature="f", input_payload={}, request_id="r")
        for _ in range(60):
            await queue.submit(replace(new))
        for held in await claims.claim(["f"], 60):
            await claims.succeed(held, big)
        await database.checkpoint()
        full = file.stat().st_size
        clock.pass_(31 * DAY_S)
        blobs = BlobStore(tmp_path / "blobs", database, clock)
        pruning = await pruner(database, blobs, clock).prune_if_due()
        assert pruning is not None
        assert pruning.freed_bytes > 2_500_000
        assert file.stat().st_size < full / 5
