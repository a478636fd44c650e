"""What an operator sees across tenants, on both databases."""

from datetime import timedelta

import pytest

from deployments.dashboard.job_history import FinishedJobsWindow
from jobs.queue.admin_queries import AdminFilter, AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobResult, JobStatus, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from sidecar.core.errors import NotFound
from tests.unit.jobs.conftest import Clock

DAMAGED = AttemptError(code="invalid_image", message="damaged", retryable=False)
DONE = JobResult(output={}, model_id="m", model_version="1")


async def submit(queue: JobQueue, clock: Clock, tenant: str, feature: str = "a") -> str:
    clock.pass_(1)
    new = NewJob(tenant_id=tenant, feature=feature, input_payload={}, request_id="r")
    return (await queue.submit(new)).id


async def end(claims: Claims, *, good: bool = True, features: tuple[str, ...] = ("a",)) -> None:
    [held] = await claims.claim(features, 1)
    await (claims.succeed(held, DONE) if good else claims.fail(held, DAMAGED))


async def test_every_filter_finds_what_matches_newest_first(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    first = await submit(queue, clock, "t1")
    await end(claims, good=False)
    middle = clock.now
    second = await submit(queue, clock, "t2", "b")
    third = await submit(queue, clock, "t1")
    for choice, expected in (
        (AdminFilter(), [third, second, first]),
        (AdminFilter(tenant_id="t1"), [third, first]),
        (AdminFilter(feature="b"), [second]),
        (AdminFilter(status=JobStatus.QUEUED), [third, second]),
        (AdminFilter(status=JobStatus.FAILED, tenant_id="t1"), [first]),
        (AdminFilter(status=JobStatus.FAILED, tenant_id="t2"), []),
        (AdminFilter(status=JobStatus.QUEUED, tenant_id="t1", feature="a"), [third]),
        (AdminFilter(since=middle + timedelta(seconds=0.5)), [third, second]),
        (AdminFilter(until=middle + timedelta(seconds=0.5), feature="a"), [first]),
    ):
        found = await admin_queries.jobs(choice, before=None, limit=10)
        assert [job.id for job in found] == expected, choice
    page = await admin_queries.jobs(AdminFilter(feature="a"), before=third, limit=10)
    assert [job.id for job in page] == [first]
    assert len(await admin_queries.jobs(AdminFilter(), before=None, limit=2)) == 2


async def test_what_waits_is_counted_and_its_age_known(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    assert await admin_queries.oldest_due_at(clock.now) is None
    await submit(queue, clock, "t1")
    oldest = clock.now
    await submit(queue, clock, "t2")
    await submit(queue, clock, "t2")
    await claims.claim(["b"], 1)
    waiting = await admin_queries.queue_depths(["a", "b"])
    assert (waiting["a"].queued, waiting["a"].running, waiting["a"].oldest) == (3, 0, oldest)
    assert (waiting["b"].queued, waiting["b"].oldest) == (0, None)
    assert await admin_queries.oldest_due_at(clock.now) == oldest
    assert await admin_queries.oldest_due_at(oldest - timedelta(seconds=1)) is None


async def test_a_job_comes_with_its_attempts_and_last_artifact(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    job_id = await submit(queue, clock, "t1")
    assert await admin_queries.artifact_of_job(job_id) is None
    await end(claims, good=False)
    await queue.retry("t1", job_id, extra_attempts=1)
    clock.pass_(5)
    await end(claims)
    job = await admin_queries.job(job_id)
    attempts = await queue.attempts(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert [(one.number, one.outcome, one.error_code) for one in attempts] == [
        (1, "failed", "invalid_image"),
        (2, "succeeded", None),
    ]
    artifact = await admin_queries.artifact_of_job(job_id)
    assert artifact is not None
    assert artifact.id == job.artifact_id
    exported = [
        one.success async for one in admin_queries.export_artifacts(AdminFilter(feature="a"))
    ]
    assert exported == [False, True]
    with pytest.raises(NotFound):
        await admin_queries.job("job_0")


async def test_the_statistics_follow_what_ends_and_forget_after_a_day(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    recent = FinishedJobsWindow(AdminQueries(database), clock)
    assert len(await recent.refresh()) == 0
    await submit(queue, clock, "t1")
    clock.pass_(3)
    await end(claims)
    seen = await recent.refresh()
    assert (len(seen), seen.latency[0], seen.wait[0]) == (1, 3.0, 3.0)
    clock.pass_(3600)
    await submit(queue, clock, "t1")
    await end(claims, good=False)
    seen = await recent.refresh()
    assert len(seen) == len(await recent.refresh()) == 2
    assert seen.was(JobStatus.FAILED).tolist() == [False, True]
    clock.pass_(23 * 3600 + 10)
    assert (await recent.refresh()).was(JobStatus.FAILED).tolist() == [True]
