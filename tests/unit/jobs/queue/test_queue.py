import asyncio
from dataclasses import replace

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import JobStatus
from jobs.queue.queue import JobFilter, JobQueue, JobSnapshot
from jobs.storage.database import Database
from sidecar.core.errors import Conflict, NotFound
from tests.unit.conftest import Clock
from tests.unit.jobs.queue.job_values import (
    DONE,
    FEATURE,
    NEW,
    TRANSIENT,
    claim_one,
    history,
    new_job,
)


async def test_a_submitted_job_is_queued(queue: JobQueue, clock: Clock) -> None:
    job = await queue.submit(NEW)
    assert job.status is JobStatus.QUEUED
    assert job.attempt == 0
    assert job.created_at == clock.now
    assert await queue.get("t1", job.id) == job


async def test_a_repeated_request_returns_the_first_job(queue: JobQueue, claims: Claims) -> None:
    first = await queue.submit(NEW)
    await claim_one(claims)
    again = await queue.submit(NEW)
    assert again.id == first.id
    assert again.status is JobStatus.RUNNING


async def test_concurrent_submissions_of_one_request_create_one_job(queue: JobQueue) -> None:
    jobs = await asyncio.gather(*(queue.submit(NEW) for _ in range(20)))
    assert len({job.id for job in jobs}) == 1


async def test_a_repeated_request_with_another_payload_is_a_conflict(queue: JobQueue) -> None:
    await queue.submit(NEW)
    with pytest.raises(Conflict, match="req_1"):
        await queue.submit(replace(NEW, input_payload={"image": {"sha256": "cd"}}))


async def test_an_option_that_is_null_is_as_one_that_is_missing(queue: JobQueue) -> None:
    """A submission is repeated after an upgrade whose payloads have another optional field."""
    older = replace(NEW, input_payload={"options": {"currency": "EUR"}})
    newer = replace(NEW, input_payload={"options": {"currency": "EUR", "money": None}})
    assert (await queue.submit(older)).id == (await queue.submit(newer)).id


async def test_requests_of_other_tenants_and_without_a_key_create_jobs_of_their_own(
    queue: JobQueue,
) -> None:
    ids = {
        (await queue.submit(new)).id
        for new in (NEW, replace(NEW, tenant_id="t2"), new_job(), new_job())
    }
    assert len(ids) == 4


async def test_another_tenant_does_not_see_the_job(queue: JobQueue) -> None:
    job = await queue.submit(NEW)
    for call in (
        queue.get("t2", job.id),
        queue.cancel("t2", job.id),
        queue.retry("t2", job.id, extra_attempts=1),
    ):
        with pytest.raises(NotFound):
            await call
    assert await queue.list("t2", JobFilter(), limit=10, offset=0) == ([], 0)


async def test_a_page_is_newest_first_and_has_the_total(queue: JobQueue, clock: Clock) -> None:
    ids = []
    for _ in range(5):
        clock.advance(1)
        ids.append((await queue.submit(new_job())).id)
    page, total = await queue.list("t1", JobFilter(feature=FEATURE), limit=2, offset=1)
    assert [job.id for job in page] == [ids[3], ids[2]]
    assert total == 5
    _, running = await queue.list("t1", JobFilter(status=JobStatus.RUNNING), limit=2, offset=0)
    assert running == 0


async def test_a_cancelled_job_is_no_longer_claimed(
    queue: JobQueue, claims: Claims, database: Database
) -> None:
    await queue.submit(NEW)
    claimed = await claim_one(claims)
    assert (await queue.cancel("t1", claimed.id)).status is JobStatus.CANCELLED
    assert await claims.find_still_claimed([claimed]) == set()
    assert not await claims.succeed(claimed, DONE)
    assert await history(database, claimed) == [(1, "cancelled", None)]
    with pytest.raises(Conflict, match="been cancelled"):
        await queue.cancel("t1", claimed.id)


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


async def test_every_status_change_is_an_event_in_order(
    queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    job = await queue.submit(NEW)
    claimed = await claim_one(claims)
    await claims.fail(claimed, TRANSIENT)
    clock.advance(10)
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
    snapshots = await queue.snapshots([job.id, "job_gone"])
    assert snapshots == {job.id: JobSnapshot(5, JobStatus.SUCCEEDED, 1.0), "job_gone": None}
