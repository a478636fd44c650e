"""How long the operator's pages take on the server among many jobs.

    python -m bench.dashboard --jobs 1000000

Fills a database with jobs that ended within thirty days, asks for each page over ASGI, and prints
the median and the worst time of each in milliseconds. The parts that would be asked over Ray answer
at once here: what is measured is this code and the database.
"""

import argparse
import asyncio
import itertools
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from jobs.queue.job import JobStatus
from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from sidecar.core.ids import new_id
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import serving

_FEATURES = ("receipt_extraction", "meal_optimization")
_TENANTS = 500
_INPUT = json.dumps({"image": {"sha256": "0" * 64, "media_type": "image/jpeg", "size": 1}})
_DAYS = 30


def _text(moment: datetime) -> str:
    """As the service's tables keep a time in SQLite."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def rows(count: int, now: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    """So many jobs, oldest first: 97 % succeeded, the rest failed, and the last hundred wait."""
    step = timedelta(days=_DAYS) / count
    for number in range(count):
        created = now - step * (count - number)
        started = created + timedelta(seconds=chance.expovariate(1))
        finished = started + timedelta(seconds=chance.lognormvariate(0.5, 0.6))
        waits = number >= count - 100
        good = chance.random() < 0.97
        state = JobStatus.SUCCEEDED if good else JobStatus.FAILED
        yield {
            "id": new_id("job_", created, chance.getrandbits),
            "tenant_id": f"tenant-{int(_TENANTS * chance.random() ** 3)}",
            "feature": _FEATURES[chance.random() < 0.2],
            "status": JobStatus.QUEUED if waits else state,
            "priority": 10,
            "request_id": f"req_{number}",
            "fingerprint": "0" * 64,
            "input_payload": _INPUT,
            "attempt": 0 if waits else 1,
            "max_attempts": 3,
            "progress": 0.0 if waits else 1.0,
            "due_at": _text(created),
            "created_at": _text(created),
            "started_at": None if waits else _text(started),
            "finished_at": None if waits else _text(min(finished, now)),
            "error_code": None if good or waits else "invalid_image",
            "artifact_id": new_id("art_", finished, chance.getrandbits)
            if good and not waits
            else None,
        }


async def fill(settings: Settings, count: int) -> None:
    """The database with its schema and so many jobs."""
    database = Database(settings.resolved_database_url)
    await migrate(database)
    await database.close()
    written = rows(count, datetime.now(UTC), random.Random(1))
    with sqlite3.connect(settings.data_dir / "service.db") as connection:
        first = next(written)
        names = ", ".join(first)
        values = ", ".join("?" * len(first))
        connection.executemany(
            f"INSERT INTO jobs ({names}) VALUES ({values})",
            (tuple(row.values()) for row in itertools.chain([first], written)),
        )


async def measure(settings: Settings, count: int, tries: int) -> None:
    """Prints the table."""
    async with serving(settings, migrated=False) as front:
        jobs_path = "/dashboard/jobs"
        listed = await front.client.get(f"{jobs_path}?tenant=tenant-0")
        before = listed.text.split("before=")[1].split('"')[0]
        pages = {
            "overview, last hour": "/dashboard",
            "overview, last day": "/dashboard?window=day",
            "jobs": jobs_path,
            "jobs, one tenant": f"{jobs_path}?tenant=tenant-0",
            "jobs, next page": f"{jobs_path}?tenant=tenant-0&before={before}",
            "jobs, failed of a tenant": f"{jobs_path}?tenant=tenant-0&state=failed",
            "jobs, a feature": f"{jobs_path}?feature=meal_optimization",
            "jobs, none that match": f"{jobs_path}?state=cancelled&tenant=tenant-0",
            "readiness": "/health/ready",
        }
        print(f"{count:,} jobs; milliseconds on the server")
        print(f"{'page':<28}{'first':>9}{'median':>9}{'worst':>9}")
        for name, path in pages.items():
            took = [await _timed(front.client, path) for _ in range(tries + 1)]
            later = took[1:]
            print(f"{name:<28}{took[0]:>9.1f}{statistics.median(later):>9.1f}{max(later):>9.1f}")


async def _timed(client: httpx.AsyncClient, path: str) -> float:
    started = time.perf_counter()
    answer = await client.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="keeps the database, and uses it again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(data_dir=given.folder or Path(scratch))
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not (settings.data_dir / "service.db").exists():
            asyncio.run(fill(settings, given.jobs))
        asyncio.run(measure(settings, given.jobs, given.tries))


if __name__ == "__main__":
    main()
