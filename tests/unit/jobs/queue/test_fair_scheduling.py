import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from jobs.queue.claims import Claims
from jobs.queue.fair_scheduling import allocate_slots
from jobs.queue.job import AttemptError, Job, JobResult, NewJob, Priority
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from tests.unit.conftest import Clock, migrated

NEW = NewJob(tenant_id="busy", feature="f", input_payload={}, request_id="r")
DONE = JobResult(output={}, model_id="m", model_version="1")


async def submit(queue: JobQueue, *tenants: str, priority: Priority = Priority.NORMAL) -> list[Job]:
    return [
        await queue.submit(replace(NEW, tenant_id=tenant, priority=priority)) for tenant in tenants
    ]


async def claimed_tenants(claims: Claims, limit: int) -> list[str]:
    return [job.tenant_id for job in await claims.claim(["f"], limit)]


def test_a_slot_goes_to_the_tenant_with_the_fewest_running_jobs() -> None:
    assert allocate_slots(["a", "b", "c"], {"a": 2, "c": 1}, slots=3, cap=None) == ["b", "b", "c"]
    assert allocate_slots(["a", "b"], {}, slots=4, cap=None) == ["a", "b", "a", "b"]
    assert allocate_slots(["a", "b"], {"b": 1}, slots=4, cap=2) == ["a", "a", "b"]
    assert allocate_slots([], {}, slots=4, cap=None) == []


tenants = st.lists(st.sampled_from("abcdefg"), unique=True)


@given(tenants, st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 5)), st.integers(0, 12))
def test_no_tenant_gains_a_slot_while_another_waiting_tenant_has_fewer(
    waiting: list[str], running: dict[str, int], slots: int
) -> None:
    gained = Counter(allocate_slots(waiting, running, slots=slots, cap=4))
    after = {tenant: running.get(tenant, 0) + gained[tenant] for tenant in waiting}
    assert gained.total() <= slots
    for tenant in gained:
        assert after[tenant] <= 4
        assert after[tenant] <= min(after.values()) + 1
    if gained.total() < slots:
        assert all(after[tenant] >= 4 for tenant in waiting)


async def test_a_long_queue_delays_another_tenants_only_job_by_one_job(
    queue: JobQueue, claims: Claims
) -> None:
    await submit(queue, *["busy"] * 30)
    assert await claimed_tenants(claims, 1) == ["busy"]
    await submit(queue, "single")
    assert await claimed_tenants(claims, 1) == ["single"]
    assert await claimed_tenants(claims, 1) == ["busy"]


async def test_one_slot_serves_the_tenants_round_robin(queue: JobQueue, claims: Claims) -> None:
    await submit(queue, "a", "a", "a", "b", "b", "c")
    order = []
    for _ in range(6):
        [job] = await claims.claim(["f"], 1)
        order.append(job.tenant_id)
        await claims.succeed(job, DONE)
    assert order == ["a", "b", "c", "a", "b", "a"]


async def test_a_free_slot_goes_to_a_tenant_with_no_running_job(
    queue: JobQueue, claims: Claims
) -> None:
    await submit(queue, *["busy"] * 4, "quick", "quick")
    first = await claims.claim(["f"], 3)
    assert Counter(job.tenant_id for job in first) == {"busy": 2, "quick": 1}
    await claims.succeed(next(job for job in first if job.tenant_id == "quick"), DONE)
    assert await claimed_tenants(claims, 1) == ["quick"]


async def test_an_interactive_job_goes_before_every_other(queue: JobQueue, claims: Claims) -> None:
    await submit(queue, "a", "b")
    await submit(queue, "z", priority=Priority.INTERACTIVE)
    assert await claimed_tenants(claims, 2) == ["z", "a"]


async def test_a_tenant_never_runs_more_jobs_than_its_cap(
    queue: JobQueue, database: Database, clock: Clock
) -> None:
    capped = Claims(database, runner="r1", tenant_cap=2, clock=clock)
    await submit(queue, *["busy"] * 5)
    await submit(queue, "busy", priority=Priority.INTERACTIVE)
    claimed = await capped.claim(["f"], 10)
    assert [job.priority for job in claimed] == [Priority.INTERACTIVE, Priority.NORMAL]
    assert await capped.claim(["f"], 10) == []
    await submit(queue, "other")
    assert await claimed_tenants(capped, 10) == ["other"]
    await capped.succeed(claimed[0], DONE)
    assert await claimed_tenants(capped, 10) == ["busy"]


async def test_workers_that_claim_at_once_share_the_cap(
    queue: JobQueue, database: Database, clock: Clock
) -> None:
    await submit(queue, *["busy"] * 10, "other")
    workers = [Claims(database, runner=f"r{n}", tenant_cap=2, clock=clock) for n in range(5)]
    claims = await asyncio.gather(*(worker.claim(["f"], 2) for worker in workers))
    tenant_ids = [job.tenant_id for claimed in claims for job in claimed]
    assert Counter(tenant_ids) == {"busy": 2, "other": 1}


async def test_a_tenant_without_a_due_job_is_skipped(queue: JobQueue, claims: Claims) -> None:
    await submit(queue, "a", "b")
    [job] = await claims.claim(["f"], 1)
    assert job.tenant_id == "a"
    transient = AttemptError(code="internal", message="x", retryable=True)
    await claims.fail(job, transient)
    assert await claimed_tenants(claims, 2) == ["b"]


async def test_no_query_of_the_queue_reads_rows_of_finished_jobs(
    tmp_path: Path, clock: Clock
) -> None:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        statements: list[tuple[str, Any]] = []

        @event.listens_for(database._engine.sync_engine, "before_cursor_execute")
        def record(_connection, _cursor, statement, parameters, *_):  # type: ignore[no-untyped-def]
            statements.append((statement, parameters))

        queue = JobQueue(database, clock=clock)
        await submit(queue, "a", "b")
        statements.clear()
        await queue.queued_by_tenant()
        await queue.counts()
        await Claims(database, runner="r1", clock=clock).claim(["f"], 2)
        recorded = tuple(statements)
        assert recorded
        async with database.read() as connection:
            for statement, parameters in recorded:
                plan = await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                for step in plan:
                    if "jobs" in step.detail:
                        small = ("INDEX ix_jobs_queued", "INDEX ix_jobs_running")
                        assert any(index in step.detail for index in small), (statement, step)
