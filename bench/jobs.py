"""`python -m bench.jobs`: what a durable job costs.

Everything runs on one SQLite file in a temporary folder. The HTTP surface is called in its own
process without a socket between; the runner is the service's own, in another process, with work
that does nothing; so what is measured is the queue and not Ray. Each row is the middle of
`--rounds` runs, and the two sides of each ratio take turns.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
from sqlalchemy import Connection, insert

from jobs.queue.claims import Claims
from jobs.queue.job import JobResult, JobStatus, NewJob
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.queue.queue import JobQueue, utc_now
from jobs.queue.worker import JobWorker
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from jobs.storage.schema import jobs
from sidecar.core.ids import new_id
from sidecar.core.settings import QueueSettings, Settings
from tests.unit.deployments.conftest import serving
from tests.unit.sidecar.planning.requests import ingredient, recipe

FEATURE = "meal_optimization"
DONE = JobResult(output={"done": True}, model_id="none", model_version="1")
TENANT = {"x-tenant-id": "bench"}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=int, default=100, help="submissions a second")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print("| what | measured | goal |\n|---|---|---|")
    asyncio.run(_end_to_end(given))
    asyncio.run(_claims(given))


class _NoWork:
    """An attempt that has nothing to do."""

    async def __aiter__(self) -> AsyncIterator[float | JobResult]:
        yield 0.0
        yield DONE

    def kill(self) -> None:
        """There is nothing to kill."""


def _never(_context: JobContext) -> Iterator[float | JobResult]:
    raise AssertionError("the launcher runs no work")


def _launch(_feature: JobType, _work: JobContext) -> _NoWork:
    return _NoWork()


def _run_jobs(settings: Settings, bell: Event, stop: Event) -> None:
    """The other process: the service's runner, woken as the ingress wakes it."""

    async def run() -> None:
        database = Database(settings.resolved_database_url)
        runner = JobWorker(
            claims=Claims.configured(database, settings, runner="bench"),
            blobs=BlobStore(settings.blob_dir, database, utc_now),
            job_types={FEATURE: JobType(name=FEATURE, run=_never, timeout_s=60, max_attempts=3)},
            launch=_launch,
            slots=lambda: 32,
            settings=settings,
        )
        loop = asyncio.create_task(runner.run())
        while not stop.is_set():
            await asyncio.to_thread(bell.wait)
            bell.clear()
            runner.notify()
        await runner.stop()
        await loop
        await database.close()

    asyncio.run(run())


async def _end_to_end(given: argparse.Namespace) -> None:
    rates, waits, paced = [], [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), queue=QueueSettings(poll_interval_s=0.02))
            context = multiprocessing.get_context("spawn")
            bell, stop = context.Event(), context.Event()
            async with serving(settings, on_queued=bell.set) as front:
                other = context.Process(target=_run_jobs, args=(settings, bell, stop))
                other.start()
                await _job(front.client)
                await _all_done(front.queue)  # the other process is up
                seconds: list[float] = []
                started = time.perf_counter()
                submit = partial(_submit, front.client, seconds)
                await _clients(given.clients, given.jobs, submit)
                await _all_done(front.queue)
                rates.append(given.jobs / (time.perf_counter() - started))
                waits.append(quantiles(seconds, n=100)[98] * 1000)
                seconds.clear()
                await _paced(given.rate, given.jobs, submit)
                await _all_done(front.queue)
                paced.append(quantiles(seconds, n=100)[98] * 1000)
                stop.set()
                bell.set()
                await asyncio.to_thread(other.join)
    print(f"| jobs that do nothing, from submission to result | {median(rates):.0f}/s | 100/s |")
    print(
        f"| submission, 99 % at {given.clients} clients that don't pause, runner at work "
        f"| {median(waits):.0f} ms | |"
    )
    print(
        f"| submission, 99 % at {given.rate} a second, runner at work | {median(paced):.0f} ms "
        "| 25 ms |"
    )


async def _submit(client: httpx.AsyncClient, seconds: list[float]) -> None:
    started = time.perf_counter()
    await _job(client)
    seconds.append(time.perf_counter() - started)


async def _job(client: httpx.AsyncClient) -> None:
    body = {
        "feature": FEATURE,
        "payload": {
            "planning_horizon": {"start_date": "2026-01-12", "days": 1, "meal_types": ["dinner"]},
            "inventory": [],
            "recipes": [recipe("bowl", ingredient("rice", 50))],
        },
    }
    answer = await client.post("/api/v1/jobs", json=body, headers=TENANT)
    assert answer.status_code == 200, answer.text


async def _all_done(queue: JobQueue) -> None:
    while any((await queue.counts()).values()):
        await asyncio.sleep(0.02)


async def _clients(clients: int, total: int, act: Callable[[], Awaitable[None]]) -> None:
    """So many clients, each with one request after the other."""
    left = iter(range(total))

    async def one() -> None:
        for _ in left:
            await act()

    await asyncio.gather(*(one() for _ in range(clients)))


async def _paced(rate: int, total: int, act: Callable[[], Awaitable[None]]) -> None:
    """So many requests a second, each at its time whatever became of those before."""
    started = time.perf_counter()

    async def at(due: float) -> None:
        await asyncio.sleep(started + due - time.perf_counter())
        await act()

    await asyncio.gather(*(at(number / rate) for number in range(total)))


async def _claims(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/bench.db")
        await migrate(database)
        empty = await _claim_ms(database)
        await _fill(database, given.rows, JobStatus.FAILED)
        full = await _claim_ms(database)
        await _fill(database, given.rows // 10, JobStatus.QUEUED)
        waiting = await _claim_ms(database)
        await database.close()
    print(f"| a claim, no other rows | {empty:.2f} ms | |")
    print(f"| with {given.rows} ended jobs | {full:.2f} ms, {full / empty:.2f} x | 1.5 x |")
    print(
        f"| and {given.rows // 10} that wait, of 100 tenants | {waiting:.2f} ms, "
        f"{waiting / empty:.2f} x | 1.5 x |"
    )


async def _claim_ms(database: Database, times: int = 200) -> float:
    """One job claimed, while nine others of as many tenants wait."""
    queue, claims = JobQueue(database), Claims(database, runner="bench")
    for number in range(9):
        await queue.submit(_new(f"tenant-{number}"))
    took = []
    for _ in range(times):
        await queue.submit(_new("tenant-9"))
        started = time.perf_counter()
        [held] = await claims.claim([FEATURE], 1)
        took.append(time.perf_counter() - started)
        await claims.succeed(held, DONE)
    return median(took) * 1000


def _new(tenant_id: str) -> NewJob:
    return NewJob(tenant_id=tenant_id, feature=FEATURE, input_payload={}, request_id="r")


async def _fill(database: Database, count: int, status: JobStatus) -> None:
    start = utc_now() - timedelta(days=20)
    row = {
        "feature": FEATURE,
        "status": status,
        "priority": 10,
        "request_id": "r",
        "fingerprint": "x" * 64,
        "input_payload": {"image": {"sha256": "x" * 64}},
        "attempt": 1,
        "max_attempts": 3,
        "progress": 0.0,
    }

    def rows(first: int) -> list[dict[str, Any]]:
        moments = [start + timedelta(seconds=n) for n in range(first, first + 10_000)]
        return [
            {
                **row,
                "id": new_id("job_", moment),
                "tenant_id": f"tenant-{n % 100}",
                "due_at": moment,
                "created_at": moment,
            }
            for n, moment in enumerate(moments)
        ]

    for first in range(0, count, 10_000):
        batch = await asyncio.to_thread(rows, first)

        def work(connection: Connection, batch: list[dict[str, Any]] = batch) -> None:
            connection.execute(insert(jobs), batch)

        await database.write(work)


if __name__ == "__main__":
    main()
