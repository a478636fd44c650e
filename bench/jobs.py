"""Measures the cost of a durable job: `python -m bench.jobs`.

Everything runs on one SQLite file in a temporary folder. The HTTP application is called in its own
process without a socket. The job worker is the service's own, in another process, with work that
does nothing, so this measures the queue and not Ray. The job rates and submission times are the
median of `--rounds` runs.
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
from sidecar.core.setting_groups import QueueSettings
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import serve_ingress
from tests.unit.sidecar.planning.requests import ingredient, recipe

FEATURE = "meal_optimization"
DONE = JobResult(output={"done": True}, model_id="none", model_version="1")
TENANT = {"x-tenant-id": "bench"}


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=int, default=100, help="submissions per second")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| what | measured | goal |\n|---|---|---|")
    asyncio.run(_end_to_end(options))
    asyncio.run(_claims(options))


class _InstantAttempt:
    """An attempt without work."""

    async def __aiter__(self) -> AsyncIterator[float | JobResult]:
        yield 0.0
        yield DONE

    def kill(self) -> None:
        pass


def _run(_context: JobContext) -> Iterator[float | JobResult]:
    raise AssertionError("the launcher runs no work")


def _launch(_job_type: JobType, _context: JobContext) -> _InstantAttempt:
    return _InstantAttempt()


def _run_jobs(settings: Settings, queued: Event, stop: Event) -> None:
    """Run the service's worker in this process; it is notified as the ingress notifies it."""

    async def run() -> None:
        database = Database(settings.resolved_database_url)
        worker = JobWorker(
            claims=Claims.configured(database, settings, runner="bench"),
            blobs=BlobStore(settings.blob_dir, database, utc_now),
            job_types={FEATURE: JobType(name=FEATURE, run=_run, timeout_s=60, max_attempts=3)},
            launch=_launch,
            slots=lambda: 32,
            settings=settings,
        )
        loop = asyncio.create_task(worker.run())
        while not stop.is_set():
            await asyncio.to_thread(queued.wait)
            queued.clear()
            worker.notify()
        await worker.stop()
        await loop
        await database.close()

    asyncio.run(run())


async def _end_to_end(options: argparse.Namespace) -> None:
    rates, closed_loop_ms, paced_ms = [], [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), queue=QueueSettings(poll_interval_s=0.02))
            context = multiprocessing.get_context("spawn")
            queued, stop = context.Event(), context.Event()
            async with serve_ingress(settings, on_queued=queued.set) as ingress:
                worker = context.Process(target=_run_jobs, args=(settings, queued, stop))
                worker.start()
                await _submit(ingress.http)
                await _wait_for_jobs(ingress.queue)  # the worker is running
                seconds: list[float] = []
                started = time.perf_counter()
                submit = partial(_time_submission, ingress.http, seconds)
                await _closed_loop(options.clients, options.jobs, submit)
                await _wait_for_jobs(ingress.queue)
                rates.append(options.jobs / (time.perf_counter() - started))
                closed_loop_ms.append(quantiles(seconds, n=100)[98] * 1000)
                seconds.clear()
                await _paced(options.rate, options.jobs, submit)
                await _wait_for_jobs(ingress.queue)
                paced_ms.append(quantiles(seconds, n=100)[98] * 1000)
                stop.set()
                queued.set()
                await asyncio.to_thread(worker.join)
    print(f"| jobs that do nothing, from submission to result | {median(rates):.0f}/s | 100/s |")
    print(
        f"| submission, 99th percentile at {options.clients} clients that never pause, "
        f"job worker running | {median(closed_loop_ms):.0f} ms | |"
    )
    print(
        f"| submission, 99th percentile at {options.rate} a second, job worker running "
        f"| {median(paced_ms):.0f} ms | 25 ms |"
    )


async def _time_submission(client: httpx.AsyncClient, seconds: list[float]) -> None:
    started = time.perf_counter()
    await _submit(client)
    seconds.append(time.perf_counter() - started)


async def _submit(client: httpx.AsyncClient) -> None:
    body = {
        "feature": FEATURE,
        "payload": {
            "planning_horizon": {"start_date": "2026-01-12", "days": 1, "meal_types": ["dinner"]},
            "inventory": [],
            "recipes": [recipe("bowl", ingredient("rice", 50))],
        },
    }
    response = await client.post("/api/v1/jobs", json=body, headers=TENANT)
    assert response.status_code == 200, response.text


async def _wait_for_jobs(queue: JobQueue) -> None:
    while any((await queue.counts()).values()):
        await asyncio.sleep(0.02)


async def _closed_loop(clients: int, total: int, submit: Callable[[], Awaitable[None]]) -> None:
    """Submit `total` jobs by several clients, each with one request in flight at a time."""
    remaining = iter(range(total))

    async def client() -> None:
        for _ in remaining:
            await submit()

    await asyncio.gather(*(client() for _ in range(clients)))


async def _paced(rate: int, total: int, submit: Callable[[], Awaitable[None]]) -> None:
    """Submit `total` jobs at a fixed rate per second, whether or not earlier ones are answered."""
    started = time.perf_counter()

    async def submit_at(due: float) -> None:
        await asyncio.sleep(started + due - time.perf_counter())
        await submit()

    await asyncio.gather(*(submit_at(number / rate) for number in range(total)))


async def _claims(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/bench.db")
        await migrate(database)
        empty = await _claim_ms(database)
        await _fill(database, options.rows, JobStatus.FAILED)
        full = await _claim_ms(database)
        await _fill(database, options.rows // 10, JobStatus.QUEUED)
        queued = await _claim_ms(database)
        await database.close()
    print(f"| a claim, no other rows | {empty:.2f} ms | |")
    print(f"| with {options.rows} finished jobs | {full:.2f} ms, {full / empty:.2f} x | 1.5 x |")
    print(
        f"| and {options.rows // 10} queued jobs of 100 tenants | {queued:.2f} ms, "
        f"{queued / empty:.2f} x | 1.5 x |"
    )


async def _claim_ms(database: Database, times: int = 200) -> float:
    """Return the median time of a claim while nine jobs of other tenants are queued."""
    queue, claims = JobQueue(database), Claims(database, runner="bench")
    for number in range(9):
        await queue.submit(_new_job(f"tenant-{number}"))
    seconds = []
    for _ in range(times):
        await queue.submit(_new_job("tenant-9"))
        started = time.perf_counter()
        [claimed] = await claims.claim([FEATURE], 1)
        seconds.append(time.perf_counter() - started)
        await claims.succeed(claimed, DONE)
    return median(seconds) * 1000


def _new_job(tenant_id: str) -> NewJob:
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

        def insert_batch(connection: Connection, batch: list[dict[str, Any]] = batch) -> None:
            connection.execute(insert(jobs), batch)

        await database.write(insert_batch)


if __name__ == "__main__":
    main()
