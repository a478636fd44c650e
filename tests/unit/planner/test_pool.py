"""The pool: a process a solve, killed when nobody waits, replaced when it dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from deployments.errors import Overloaded, ServiceError
from deployments.planner.answer import Status
from deployments.planner.pool import Limits, WorkerPool
from deployments.planner.request import PlanRequest
from tests.unit.planner.requests import ingredient, recipe, request

SMALL = PlanRequest.model_validate(request([recipe("a"), recipe("b")]))
HARD = PlanRequest.model_validate(
    {
        **request(
            [
                recipe(f"dish{n}", *(ingredient(f"t{(n * k) % 97}", 100) for k in (1, 7, 11, 13)))
                for n in range(300)
            ],
            days=28,
        ),
        "timeout_ms": 30_000,
    }
)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(Limits(workers=1, waiting=1)) as pool:
        yield pool


async def until_another(pool: WorkerPool, pids: frozenset[int]) -> None:
    async with asyncio.timeout(20):
        while not pool.pids or pool.pids & pids:
            await asyncio.sleep(0.02)


async def test_a_plan_is_solved_in_another_process(pool: WorkerPool) -> None:
    assert os.getpid() not in pool.pids
    answer = await pool.run(SMALL)
    assert answer.status is Status.OPTIMAL
    assert len(answer.meal_plan) == 2


async def test_a_caller_that_leaves_takes_the_process_along(pool: WorkerPool) -> None:
    pids = pool.pids
    solving = asyncio.create_task(pool.run(HARD))
    await asyncio.sleep(0.3)
    solving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await solving
    await until_another(pool, pids)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert (await pool.run(SMALL)).status is Status.OPTIMAL


async def test_a_process_that_dies_fails_its_own_plan_alone(pool: WorkerPool) -> None:
    pids = pool.pids
    solving = asyncio.create_task(pool.run(HARD))
    await asyncio.sleep(0.3)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ServiceError):
        await solving
    await until_another(pool, pids)
    assert (await pool.run(SMALL)).status is Status.OPTIMAL


async def test_more_than_may_wait_are_refused_at_once(pool: WorkerPool) -> None:
    running = [asyncio.create_task(pool.run(HARD)) for _ in range(2)]
    await asyncio.sleep(0.2)
    with pytest.raises(Overloaded) as refused:
        await pool.run(SMALL)
    assert refused.value.retry_after_s
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
