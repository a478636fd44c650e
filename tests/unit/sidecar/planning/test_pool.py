import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.attacks import plan
from bench.planner_instances import instance
from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError
from sidecar.planning.pool import Limits, WorkerPool
from sidecar.planning.response import Incumbent, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.worker_processes import WorkerStarter


def easy() -> PlanRequest:
    return PlanRequest.model_validate(instance(1, 10, 3, timeout_ms=20_000))


def hard() -> PlanRequest:
    return PlanRequest.model_validate(instance(3, 100, 7, 3, timeout_ms=30_000, locks=0))


class Progress:
    """Records the incumbents, and lets a test wait for the first one."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.incumbents: list[Incumbent] = []

    def __call__(self, incumbent: Incumbent) -> None:
        self.incumbents.append(incumbent)
        self.first.set()


async def test_a_worker_returns_a_plan_and_its_progress():
    progress = Progress()
    async with WorkerPool(Limits(workers=1)) as pool:
        answer = await pool.run(easy(), progress)
    assert answer.status is Status.OPTIMAL
    assert progress.incumbents[-1].objective == answer.objective


async def test_workers_that_start_at_once_are_forks_of_one_process():
    starter = WorkerStarter(Limits().memory_bytes)
    try:
        workers = await asyncio.gather(starter.start_worker(), starter.start_worker())
        parents = {psutil.Process(worker.pid).ppid() for worker in workers}
        await asyncio.gather(*(worker.kill() for worker in workers))
    finally:
        await starter.close()
    assert len(parents) == 1


async def test_cancelling_kills_the_worker_and_another_replaces_it():
    progress = Progress()
    async with WorkerPool(Limits(workers=1)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), progress))
        await progress.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pool.run(easy())).status is Status.OPTIMAL
        assert pid not in pool.pids
        assert not psutil.pid_exists(pid)


async def test_a_worker_that_exceeds_the_deadline_is_killed():
    async with WorkerPool(Limits(workers=1, grace_s=-29.8)) as pool:  # give up after 0.2 s
        (pid,) = pool.pids
        with pytest.raises(DeadlineExceeded):
            await pool.run(hard())
    assert not psutil.pid_exists(pid)


async def test_a_worker_that_dies_fails_only_its_own_request():
    progress = Progress()
    async with WorkerPool(Limits(workers=1)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), progress))
        await progress.first.wait()
        psutil.Process(pid).kill()
        with pytest.raises(ServiceError, match="without an answer"):
            await task
        assert (await pool.run(easy())).status is Status.OPTIMAL


async def test_a_full_queue_rejects_at_once_with_a_retry_time():
    progress = Progress()
    async with WorkerPool(Limits(workers=1, queue_capacity=0)) as pool:
        task = asyncio.create_task(pool.run(hard(), progress))
        await progress.first.wait()
        with pytest.raises(Overloaded) as rejected:
            await pool.run(easy())
        assert rejected.value.retry_after_s >= 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_waiting_counts_against_the_time_limit():
    progress = Progress()
    async with WorkerPool(Limits(workers=1)) as pool:
        task = asyncio.create_task(pool.run(hard(), progress))
        await progress.first.wait()
        with pytest.raises(Overloaded):
            await pool.run(easy().model_copy(update={"timeout_ms": 200}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_operating_system_limits_memory():
    progress = Progress()
    async with WorkerPool(Limits(workers=1, memory_bytes=3 * 1024**3)) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.run(hard(), progress))
        await progress.first.wait()
        limits = await asyncio.to_thread(Path(f"/proc/{pid}/limits").read_text)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    rows = {row[:16].strip(): row.split() for row in limits.splitlines()}
    assert str(3 * 1024**3) in rows["Max data size"]


def test_the_operating_system_limits_the_cpu_time_of_each_request():
    program = """
import json, sys, time
from types import SimpleNamespace
from sidecar.planning import worker

def respond(seconds):
    def solve(*_, **__):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return SimpleNamespace(wire=dict)

    worker.solve = solve
    task = {"request": json.loads(sys.argv[1]), "deadline": time.monotonic() + 0.2, "idle_core": 0}
    worker._respond(json.dumps(task), sys.stdout)

worker._SPARE_CPU_S = 0
for request in range(5):
    respond(0.15)
print("five", flush=True)
respond(60)
"""
    run = subprocess.run(
        [sys.executable, "-c", program, easy().model_dump_json()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.returncode) == ("five\n", -signal.SIGPROF)


async def test_reading_a_large_request_is_no_reason_to_give_up():
    body = plan(1_000, 30)["payload"]
    request = PlanRequest.model_validate({**body, "timeout_ms": 200})
    # The machine may be busy with other tests.
    async with WorkerPool(Limits(workers=1, grace_s=5)) as pool:
        pids = pool.pids
        # One after the other: the CPU time of the first is not the second's.
        answers = [await pool.run(request) for _ in range(2)]
        assert pool.pids == pids
    assert all(len(answer.meal_plan) == 7 for answer in answers)


async def test_closing_leaves_no_process_behind():
    async with WorkerPool(Limits(workers=2)) as pool:
        processes = [psutil.Process(pid) for pid in pool.pids]
    _, alive = psutil.wait_procs(processes, timeout=10)  # an ended one is forgotten a moment later
    assert not alive
    with pytest.raises(Overloaded):
        await pool.run(easy())


async def test_workers_are_forks_of_one_process_which_is_replaced_when_it_dies():
    async with WorkerPool(Limits(workers=1)) as pool:
        (pid,) = pool.pids
        template = psutil.Process(pid).parent()
        assert template is not None
        assert template.ppid() == psutil.Process().pid
        template.kill()
        assert (await pool.run(easy())).status is Status.OPTIMAL  # the worker goes on
        psutil.Process(pid).kill()
        with pytest.raises(ServiceError):
            await pool.run(easy())
        assert (await pool.run(easy())).status is Status.OPTIMAL
        assert pid not in pool.pids
