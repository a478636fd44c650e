"""Queries across tenants, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.queue.admin_queries import AdminFilter, AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobResult, JobStatus, NewJob
from jobs.queue.job_sorting import JobSort
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from sidecar.core.errors import NotFound
from tests.unit.conftest import Clock

DAMAGED = AttemptError(code="invalid_image", message="damaged", retryable=False)
DONE = JobResult(output={}, model_id="m", model_version="1")


async def submit(queue: JobQueue, clock: Clock, tenant: str, feature: str = "a") -> str:
    clock.advance(1)
    new = NewJob(tenant_id=tenant, feature=feature, input_payload={}, request_id="r")
    return (await queue.submit(new)).id


async def finish(
    claims: Claims, *, success: bool = True, features: tuple[str, ...] = ("a",)
) -> None:
    [claimed] = await claims.claim(features, 1)
    await (claims.succeed(claimed, DONE) if success else claims.fail(claimed, DAMAGED))


async def test_every_filter_returns_its_matches_newest_first(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    first = await submit(queue, clock, "t1")
    await finish(claims, success=False)
    middle = clock.now
    second = await submit(queue, clock, "t2", "b")
    third = await submit(queue, clock, "t1")
    for filter_, expected in (
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
        matches = await admin_queries.jobs(filter_, before=None, limit=10)
        assert [job.id for job in matches] == expected, filter_
    page = await admin_queries.jobs(AdminFilter(feature="a"), before=third, limit=10)
    assert [job.id for job in page] == [first]
    assert len(await admin_queries.jobs(AdminFilter(), before=None, limit=2)) == 2


async def test_every_order_is_stable_over_its_pages(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    ids = []
    for merchant, confidence, seconds in (
        ("b", 0.5, 1),
        ("A", 0.9, 3),
        (None, 0.5, 2),
        ("b", 0.7, 3),
    ):
        ids.append(await submit(queue, clock, "t1"))
        [claimed] = await claims.claim(["a"], 1)
        clock.advance(seconds)
        result = replace(DONE, merchant=merchant, confidence=confidence)
        assert await claims.succeed(claimed, result)
    waiting = await submit(queue, clock, "t1")
    for sort, order in (
        (JobSort.NEWEST, [4, 3, 2, 1, 0]),
        (JobSort.OLDEST, [0, 1, 2, 3, 4]),
        (JobSort.LONGEST, [3, 1, 2, 0]),
        (JobSort.SHORTEST, [0, 2, 1, 3]),
        (JobSort.LEAST_SURE, [0, 2, 3, 1]),
        (JobSort.SUREST, [1, 3, 2, 0]),
        (JobSort.MERCHANT, [1, 0, 3]),
        (JobSort.MERCHANT_REVERSED, [3, 0, 1]),
    ):
        expected = [[*ids, waiting][index] for index in order]
        for filter_ in (AdminFilter(), AdminFilter(tenant_id="t1", feature="a")):
            for limit in (1, 2, 10):
                paged: list[str] = []
                while rows := await admin_queries.jobs(
                    filter_, before=paged[-1] if paged else None, limit=limit, sort=sort
                ):
                    paged += [job.id for job in rows]
                assert paged == expected, (sort, limit)
    found = AdminFilter(search="b", status=JobStatus.SUCCEEDED)
    rows = await admin_queries.jobs(found, before=None, limit=9, sort=JobSort.SUREST)
    assert [job.id for job in rows] == [ids[3], ids[0]]
    for gone in ("job_gone", waiting):
        with pytest.raises(NotFound, match="start from the first one"):
            await admin_queries.jobs(AdminFilter(), before=gone, limit=9, sort=JobSort.LONGEST)


async def test_queue_depths_count_jobs_and_tell_the_oldest(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    assert await admin_queries.oldest_due_at(clock.now) is None
    await submit(queue, clock, "t1")
    oldest = clock.now
    await submit(queue, clock, "t2")
    await submit(queue, clock, "t2")
    await claims.claim(["b"], 1)
    depths = await admin_queries.queue_depths(["a", "b"])
    assert (depths["a"].queued, depths["a"].running, depths["a"].oldest) == (3, 0, oldest)
    assert (depths["b"].queued, depths["b"].oldest) == (0, None)
    assert await admin_queries.oldest_due_at(clock.now) == oldest
    assert await admin_queries.oldest_due_at(oldest - timedelta(seconds=1)) is None


async def test_a_job_has_its_attempts_and_its_last_artifact(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    admin_queries = AdminQueries(database)
    job_id = await submit(queue, clock, "t1")
    assert await admin_queries.artifact_of_job(job_id) is None
    await finish(claims, success=False)
    await queue.retry("t1", job_id, extra_attempts=1)
    clock.advance(5)
    await finish(claims)
    job = await admin_queries.job(job_id)
    attempts = await queue.attempts(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert [(attempt.number, attempt.outcome, attempt.error_code) for attempt in attempts] == [
        (1, "failed", "invalid_image"),
        (2, "succeeded", None),
    ]
    artifact = await admin_queries.artifact_of_job(job_id)
    assert artifact is not None
    assert artifact.id == job.artifact_id
    exported = admin_queries.export_artifacts(AdminFilter(feature="a"))
    assert [artifact.success async for artifact in exported] == [False, True]
    with pytest.raises(NotFound):
        await admin_queries.job("job_0")
