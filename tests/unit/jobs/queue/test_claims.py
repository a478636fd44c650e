import asyncio
from dataclasses import replace

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobStatus, Priority
from jobs.queue.queue import JobQueue
from jobs.storage.artifacts import ArtifactFilter, Artifacts
from jobs.storage.database import Database
from sidecar.core.errors import DeadlineExceeded, NotFound, OutOfMemory, ServiceError
from tests.unit.conftest import Clock
from tests.unit.jobs.queue.job_values import (
    DONE,
    FATAL,
    FEATURE,
    NEW,
    TRANSIENT,
    claim_one,
    history,
    new_job,
)


async def test_interactive_jobs_are_claimed_first_and_others_in_order(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    first = await queue.submit(new_job())
    clock.advance(1)
    second = await queue.submit(new_job())
    clock.advance(1)
    interactive = await queue.submit(new_job(priority=Priority.INTERACTIVE))
    claimed = await claims.claim([FEATURE], 10)
    assert [job.id for job in claimed] == [interactive.id, first.id, second.id]


async def test_a_claim_takes_no_more_than_its_limit_and_only_its_features(
    queue: JobQueue, claims: Claims
) -> None:
    for _ in range(3):
        await queue.submit(new_job())
    assert await claims.claim(["something_else"], 10) == []
    assert len(await claims.claim([FEATURE], 2)) == 2
    assert len(await claims.claim([FEATURE], 2)) == 1


async def test_workers_that_claim_at_once_never_get_the_same_job(
    queue: JobQueue, database: Database, clock: Clock
) -> None:
    for _ in range(30):
        await queue.submit(new_job())
    claims = await asyncio.gather(
        *(Claims(database, runner=f"r{n}", clock=clock).claim([FEATURE], 4) for n in range(10))
    )
    ids = [job.id for claimed in claims for job in claimed]
    assert len(ids) == len(set(ids)) == 30


async def test_a_success_leaves_one_result(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    clock.advance(2)
    await claims.report_progress(claimed, 0.5, {"gap": 1})
    assert await claims.succeed(claimed, DONE)
    job = await queue.get("t1", claimed.id)
    assert (job.status, job.progress) == (JobStatus.SUCCEEDED, 1.0)
    assert job.progress_detail is None, "a finished job has no intermediate result"
    assert job.artifact_id is not None
    artifact = await Artifacts(database).get("t1", job.artifact_id)
    assert (artifact.output_payload, artifact.latency_ms) == (DONE.output, 2000.0)
    assert (artifact.job_id, artifact.request_id) == (job.id, "req_1")
    assert await history(database, job) == [(1, "succeeded", None)]
    with pytest.raises(NotFound):
        await Artifacts(database).get("t2", artifact.id)


async def test_a_failed_attempt_is_retried_after_a_backoff(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    job = await claims.fail(claimed, TRANSIENT)
    assert job is not None
    assert job.status is JobStatus.QUEUED
    assert (job.due_at - clock.now).total_seconds() == 10
    assert await claims.claim([FEATURE], 1) == []
    clock.advance(10)
    claimed = await claim_one(claims)
    assert claimed.attempt == 2
    job = await claims.fail(claimed, TRANSIENT)
    assert job is not None
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal")
    assert await history(database, job) == [(1, "failed", "internal"), (2, "failed", "internal")]
    [artifact], total = await Artifacts(database).list(
        "t1", ArtifactFilter(success=False), limit=10, offset=0
    )
    assert (artifact.error_code, artifact.output_payload, total) == ("internal", None, 1)


async def test_an_error_that_is_not_retryable_fails_the_job_at_once(
    queue: JobQueue, claims: Claims
) -> None:
    await queue.submit(NEW)
    job = await claims.fail(await claim_one(claims), FATAL)
    assert job is not None
    assert (job.status, job.attempt, job.error_message) == (JobStatus.FAILED, 1, "No image.")


@pytest.mark.parametrize("error", [DeadlineExceeded(), OutOfMemory()])
async def test_a_job_that_exceeds_the_same_limit_again_is_not_tried_a_third_time(
    queue: JobQueue, claims: Claims, clock: Clock, error: ServiceError
) -> None:
    failure = AttemptError(code=error.code, message=error.message, retryable=error.retryable)
    await queue.submit(replace(NEW, max_attempts=5))
    job = await claims.fail(await claim_one(claims), failure)
    assert job is not None
    assert job.status is JobStatus.QUEUED
    clock.advance(10)
    job = await claims.fail(await claim_one(claims), failure)
    assert job is not None
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 2, error.code)


async def test_a_stale_attempt_changes_nothing(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    stale = await claim_one(claims)
    clock.advance(31)
    assert await claims.reclaim_expired() == 1
    claimed = await claim_one(claims)
    assert claimed.attempt == 2
    assert not await claims.succeed(stale, DONE)
    assert await claims.fail(stale, FATAL) is None
    await claims.report_progress(stale, 0.9)
    await claims.release([stale])
    await claims.renew([stale])
    still_claimed = await claims.find_still_claimed([stale, claimed])
    assert still_claimed == {(claimed.id, claimed.attempt_token)}
    assert await queue.get("t1", claimed.id) == claimed
    assert await claims.succeed(claimed, DONE)
    assert await history(database, claimed) == [(1, "lost", "internal"), (2, "succeeded", None)]


async def test_a_renewed_lease_is_not_reclaimed(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    clock.advance(29)
    await claims.renew([claimed])
    clock.advance(29)
    assert await claims.reclaim_expired() == 0
    assert await claims.find_still_claimed([claimed]) == {(claimed.id, claimed.attempt_token)}


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_step_of_the_clock_takes_no_job_from_its_living_worker(
    queue: JobQueue, claims: Claims, clock: Clock, hours: int
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    assert await claims.reclaim_expired() == 0
    clock.set_by(hours * 3600)
    assert await claims.reclaim_expired() == 0
    clock.advance(20)
    await claims.renew([claimed])
    clock.advance(20)
    assert await claims.reclaim_expired() == 0
    assert await claims.find_still_claimed([claimed]) == {(claimed.id, claimed.attempt_token)}


@pytest.mark.parametrize("hours", [1, -1])
async def test_after_a_step_of_the_clock_the_dead_are_found_within_two_leases(
    queue: JobQueue, claims: Claims, clock: Clock, hours: int
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    clock.set_by(hours * 3600)
    assert await claims.reclaim_expired() == 0
    clock.advance(31)
    assert await claims.reclaim_expired() == 1
    assert (await claim_one(claims)).id == claimed.id


async def test_a_clock_that_is_set_back_makes_no_job_wait(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    await queue.submit(NEW)
    clock.set_by(-3600)
    assert await claims.claim([FEATURE], 1) == []
    assert await claims.reclaim_expired() == 0
    assert (await claim_one(claims)).attempt == 1


async def test_a_retry_keeps_its_delay_when_the_clock_is_set_back_by_little(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    job = await queue.submit(NEW)
    await claims.fail(await claim_one(claims), TRANSIENT)
    due = (await queue.get("t1", job.id)).due_at
    clock.set_by(-40)
    await claims.reclaim_expired()
    assert (await queue.get("t1", job.id)).due_at == due
    clock.set_by(-3600)
    await claims.reclaim_expired()
    assert (await queue.get("t1", job.id)).due_at == clock.now


async def test_a_job_lost_in_its_last_attempt_fails(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    await queue.submit(replace(NEW, max_attempts=1))
    claimed = await claim_one(claims)
    clock.advance(31)
    assert await claims.reclaim_expired() == 1
    job = await queue.get("t1", claimed.id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal")


async def test_a_released_job_keeps_its_attempts(
    queue: JobQueue, claims: Claims, database: Database
) -> None:
    await queue.submit(replace(NEW, max_attempts=1))
    await claims.release([await claim_one(claims)])
    claimed = await claim_one(claims)
    assert (claimed.attempt, claimed.max_attempts) == (2, 2)
    assert await history(database, claimed) == [(1, "released", None), (2, None, None)]
