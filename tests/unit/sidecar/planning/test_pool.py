import asyncio
from pathlib import Path

import psutil
import pytest

from bench.planner_instances import instance
from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError
from sidecar.planning.pool import Limits, WorkerPool
from sidecar.planning.response import Incumbent, Status
from sidecar.planning.schemas import PlanRequest


def easy() -> PlanRequest:
    return PlanRequest.model_validate(instance(1, 10, 3, timeout_ms=20_000))


def hard() -> PlanRequest:
    return PlanRequest.model_validate(instance(3, 100, 7, 3, timeout_ms=30_000, locks=0))


class Heard:
    """Lets a test wait for the first progress."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.all: list[Incumbent] = []

    def __call__(self, incumbent: Incumbent) -> None:
        self.all.append(incumbent)
        self.first.set()


async def test_a_plan_comes_back_from_a_worker_with_its_progress():
    heard = Heard()
    async with WorkerPool(Limits(workers=1)) as pool:
        answer = await pool.run(easy(), heard)
    assert answer.status is Status.OPTIMAL
    assert heard.all[-1].objective == answer.objective


async def test_cancelling_kills_the_worker_and_another_takes_its_place():
    heard = Heard()
    async with WorkerPool(Limits(workers=1)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), heard))
        await heard.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pool.run(easy())).status is Status.OPTIMAL
        assert pid not in pool.pids
        assert not psutil.pid_exists(pid)


async def test_a_worker_that_overruns_is_killed():
    async with WorkerPool(Limits(workers=1, grace_s=-29.8)) as pool:  # give up after 0.2 s
        (pid,) = pool.pids
        with pytest.raises(DeadlineExceeded):
            await pool.run(hard())
    assert not psutil.pid_exists(pid)


async def test_a_worker_that_dies_fails_its_request_alone():
    heard = Heard()
    async with WorkerPool(Limits(workers=1)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), heard))
        await heard.first.wait()
        psutil.Process(pid).kill()
        with pytest.raises(ServiceError, match="without an answer"):
            await task
        assert (await pool.run(easy())).status is Status.OPTIMAL


async def test_a_full_line_is_refused_at_once_with_a_time_to_come_back():
    heard = Heard()
    async with WorkerPool(Limits(workers=1, waiting=0)) as pool:
        task = asyncio.create_task(pool.run(hard(), heard))
        await heard.first.wait()
        with pytest.raises(Overloaded) as refused:
            await pool.run(easy())
        assert refused.value.retry_after_s >= 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_waiting_counts_against_the_time_limit():
    heard = Heard()
    async with WorkerPool(Limits(workers=1)) as pool:
        task = asyncio.create_task(pool.run(hard(), heard))
        await heard.first.wait()
        with pytest.raises(Overloaded):
            await pool.run(easy().model_copy(update={"timeout_ms": 200}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_operating_system_limits_memory_and_processor_time():
    heard = Heard()
    async with WorkerPool(Limits(workers=1, memory_bytes=3 * 1024**3)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), heard))
        await heard.first.wait()
        limits = await asyncio.to_thread(Path(f"/proc/{pid}/limits").read_text)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    rows = {row[:16].strip(): row.split() for row in limits.splitlines()}
    assert str(3 * 1024**3) in rows["Max data size"]
    assert rows["Max cpu time"][3] != "unlimited"


async def test_closing_leaves_no_process_behind():
    async with WorkerPool(Limits(workers=2)) as pool:
        pids = pool.pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(Overloaded):
        await pool.run(easy())
