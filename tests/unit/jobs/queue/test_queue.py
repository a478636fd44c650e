"""The queue's promises, on both databases."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, JobStatus, NewJob, Priority
from jobs.queue.queue import JobFilter, JobQueue, JobSnapshot
from jobs.storage.artifacts import ArtifactFilter, Artifacts
from jobs.storage.database import Database
from jobs.storage.schema import attempts
from sidecar.core.errors import Conflict, NotFound
from tests.unit.jobs.conftest import Clock

FEATURE = "receipt_extraction"
NEW = NewJob(
    tenant_id="t1",
    feature=FEATURE,
    input_payload={"image": {"sha256": "ab"}},
    request_id="req_1",
    idempotency_key="req_1",
    max_attempts=2,
)
DONE = JobResult(output={"total": "1.99"}, model_id="m", model_version="1")
TRANSIENT = AttemptError(code="internal", message="It broke.", retryable=True)
FATAL = AttemptError(code="invalid_image", message="No image.", retryable=False)


def another(**changes: object) -> NewJob:
    return replace(NEW, **{"idempotency_key": None, **changes})  # type: ignore[arg-type]


async def claim_one(claims: Claims) -> Job:
    [job] = await claims.claim([FEATURE], 1)
    return job


async def history(database: Database, job: Job) -> list[tuple[int, str | None, str | None]]:
    async with database.read() as connection:
        rows = await connection.execute(
            select(attempts.c.number, attempts.c.outcome, attempts.c.error_code)
            .where(attempts.c.job_id == job.id)
            .order_by(attempts.c.number)
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


async def test_a_submitted_job_waits_in_the_queue(queue: JobQueue, clock: Clock) -> None:
    job = await queue.submit(NEW)
    assert job.status is JobStatus.QUEUED
    assert job.attempt == 0
    assert job.created_at == clock.now
    assert await queue.get("t1", job.id) == job


async def test_the_same_request_gives_the_first_job_back(queue: JobQueue, claims: Claims) -> None:
    first = await queue.submit(NEW)
    await claim_one(claims)
    again = await queue.submit(NEW)
    assert again.id == first.id
    assert again.status is JobStatus.RUNNING


async def test_many_submissions_of_one_request_at_once_make_one_job(queue: JobQueue) -> None:
    jobs = await asyncio.gather(*(queue.submit(NEW) for _ in range(20)))
    assert len({job.id for job in jobs}) == 1


async def test_the_same_request_with_another_payload_is_a_conflict(queue: JobQueue) -> None:
    await queue.submit(NEW)
    with pytest.raises(Conflict, match="req_1"):
        await queue.submit(replace(NEW, input_payload={"image": {"sha256": "cd"}}))


async def test_requests_of_other_tenants_and_without_a_key_are_jobs_of_their_own(
    queue: JobQueue,
) -> None:
    ids = {
        (await queue.submit(new)).id
        for new in (NEW, replace(NEW, tenant_id="t2"), another(), another())
    }
    assert len(ids) == 4


async def test_another_tenant_does_not_see_the_job(queue: JobQueue) -> None:
    job = await queue.submit(NEW)
    for act in (
        queue.get("t2", job.id),
        queue.cancel("t2", job.id),
        queue.retry("t2", job.id, extra_attempts=1),
    ):
        with pytest.raises(NotFound):
            await act
    assert await queue.list("t2", JobFilter(), limit=10, offset=0) == ([], 0)


async def test_a_list_has_a_true_total_and_the_newest_first(queue: JobQueue, clock: Clock) -> None:
    made = []
    for _ in range(5):
        clock.pass_(1)
        made.append((await queue.submit(another())).id)
    page, total = await queue.list("t1", JobFilter(feature=FEATURE), limit=2, offset=1)
    assert [job.id for job in page] == [made[3], made[2]]
    assert total == 5
    _, running = await queue.list("t1", JobFilter(status=JobStatus.RUNNING), limit=2, offset=0)
    assert running == 0


async def test_a_person_who_waits_goes_first_and_others_in_order(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    first = await queue.submit(another())
    clock.pass_(1)
    second = await queue.submit(another())
    clock.pass_(1)
    waiting = await queue.submit(another(priority=Priority.WAITING))
    claimed = await claims.claim([FEATURE], 10)
    assert [job.id for job in claimed] == [waiting.id, first.id, second.id]


async def test_a_claim_takes_no_more_than_its_limit_and_only_its_features(
    queue: JobQueue, claims: Claims
) -> None:
    for _ in range(3):
        await queue.submit(another())
    assert await claims.claim(["something_else"], 10) == []
    assert len(await claims.claim([FEATURE], 2)) == 2
    assert len(await claims.claim([FEATURE], 2)) == 1


async def test_runners_that_claim_at_once_never_get_the_same_job(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    for _ in range(30):
        await queue.submit(another())
    claims = await asyncio.gather(
        *(Claims(database, runner=f"r{n}", clock=clock).claim([FEATURE], 4) for n in range(10))
    )
    ids = [job.id for claimed in claims for job in claimed]
    assert len(ids) == len(set(ids)) == 30


async def test_success_leaves_one_result(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    held = await claim_one(claims)
    clock.pass_(2)
    await claims.report_progress(held, 0.5, {"gap": 1})
    assert await claims.succeed(held, DONE)
    job = await queue.get("t1", held.id)
    assert (job.status, job.progress) == (JobStatus.SUCCEEDED, 1.0)
    assert job.progress_detail is None, "what there was so far is no part of what has ended"
    assert job.artifact_id is not None
    artifact = await Artifacts(database).get("t1", job.artifact_id)
    assert (artifact.output_payload, artifact.latency_ms) == (DONE.output, 2000.0)
    assert (artifact.job_id, artifact.request_id) == (job.id, "req_1")
    assert await history(database, job) == [(1, "succeeded", None)]
    with pytest.raises(NotFound):
        await Artifacts(database).get("t2", artifact.id)


async def test_a_failed_attempt_is_tried_again_after_a_pause(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    held = await claim_one(claims)
    job = await claims.fail(held, TRANSIENT)
    assert job is not None
    assert job.status is JobStatus.QUEUED
    assert (job.due_at - clock.now).total_seconds() == 10
    assert await claims.claim([FEATURE], 1) == []
    clock.pass_(10)
    held = await claim_one(claims)
    assert held.attempt == 2
    job = await claims.fail(held, TRANSIENT)
    assert job is not None
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal")
    assert await history(database, job) == [(1, "failed", "internal"), (2, "failed", "internal")]
    [artifact], total = await Artifacts(database).list(
        "t1", ArtifactFilter(success=False), limit=10, offset=0
    )
    assert (artifact.error_code, artifact.output_payload, total) == ("internal", None, 1)


async def test_an_error_that_cannot_be_helped_fails_the_job_at_once(
    queue: JobQueue, claims: Claims
) -> None:
    await queue.submit(NEW)
    job = await claims.fail(await claim_one(claims), FATAL)
    assert job is not None
    assert (job.status, job.attempt, job.error_message) == (JobStatus.FAILED, 1, "No image.")


async def test_a_stale_attempt_changes_nothing(
    queue: JobQueue, claims: Claims, database: Database, clock: Clock
) -> None:
    await queue.submit(NEW)
    stale = await claim_one(claims)
    clock.pass_(31)
    assert await claims.reclaim_expired() == 1
    held = await claim_one(claims)
    assert held.attempt == 2
    assert not await claims.succeed(stale, DONE)
    assert await claims.fail(stale, FATAL) is None
    await claims.report_progress(stale, 0.9)
    await claims.release([stale])
    await claims.renew([stale])
    assert await claims.find_still_claimed([stale, held]) == {(held.id, held.attempt_token)}
    assert await queue.get("t1", held.id) == held
    assert await claims.succeed(held, DONE)
    assert await history(database, held) == [(1, "lost", "internal"), (2, "succeeded", None)]


async def test_a_renewed_lease_is_not_rescued(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    await queue.submit(NEW)
    held = await claim_one(claims)
    clock.pass_(29)
    await claims.renew([held])
    clock.pass_(29)
    assert await claims.reclaim_expired() == 0
    assert await claims.find_still_claimed([held]) == {(held.id, held.attempt_token)}


async def test_a_job_that_is_lost_in_its_last_attempt_fails(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    await queue.submit(replace(NEW, max_attempts=1))
    held = await claim_one(claims)
    clock.pass_(31)
    assert await claims.reclaim_expired() == 1
    job = await queue.get("t1", held.id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal")


async def test_a_released_job_keeps_its_attempts(
    queue: JobQueue, claims: Claims, database: Database
) -> None:
    await queue.submit(replace(NEW, max_attempts=1))
    await claims.release([await claim_one(claims)])
    held = await claim_one(claims)
    assert (held.attempt, held.max_attempts) == (2, 2)
    assert await history(database, held) == [(1, "released", None), (2, None, None)]


async def test_cancelling_takes_the_job_from_its_runner(
    queue: JobQueue, claims: Claims, database: Database
) -> None:
    await queue.submit(NEW)
    held = await claim_one(claims)
    assert (await queue.cancel("t1", held.id)).status is JobStatus.CANCELLED
    assert await claims.find_still_claimed([held]) == set()
    assert not await claims.succeed(held, DONE)
    assert await history(database, held) == [(1, "cancelled", None)]
    with pytest.raises(Conflict, match="been cancelled"):
        await queue.cancel("t1", held.id)


async def test_a_cancelled_job_is_not_claimed_until_it_is_retried(
    queue: JobQueue, claims: Claims
) -> None:
    job = await queue.submit(NEW)
    await queue.cancel("t1", job.id)
    assert await claims.claim([FEATURE], 1) == []
    again = await queue.retry("t1", job.id, extra_attempts=3)
    assert (again.status, again.max_attempts) == (JobStatus.QUEUED, 3)
    assert (await claim_one(claims)).id == job.id
    with pytest.raises(Conflict, match="running"):
        await queue.retry("t1", job.id, extra_attempts=3)


async def test_every_change_is_an_event_in_order(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    job = await queue.submit(NEW)
    held = await claim_one(claims)
    await claims.fail(held, TRANSIENT)
    clock.pass_(10)
    await claims.succeed(await claim_one(claims), DONE)
    events = await queue.events(job.id, after=0)
    assert [event.version for event in events] == [1, 2, 3, 4, 5]
    assert [(event.status, event.attempt, event.error_code) for event in events] == [
        (JobStatus.QUEUED, 0, None),
        (JobStatus.RUNNING, 1, None),
        (JobStatus.QUEUED, 1, "internal"),
        (JobStatus.RUNNING, 2, "internal"),
        (JobStatus.SUCCEEDED, 2, None),
    ]
    assert [event.version for event in await queue.events(job.id, after=3)] == [4, 5]
    seen = await queue.snapshots([job.id, "job_gone"])
    assert seen == {job.id: JobSnapshot(5, JobStatus.SUCCEEDED, 1.0), "job_gone": None}
