"""Measures the server time of the dashboard's pages: `python -m bench.dashboard --jobs 1000000`.

Fills a database with jobs that finished within thirty days, requests each page over ASGI, and
prints each page's median and worst time in milliseconds. The parts that are normally called over
Ray respond at once here, so this measures the pages and the database.
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
from tests.unit.deployments.conftest import serve_ingress

_FEATURES = ("receipt_extraction", "meal_optimization")
_TENANTS = 500
_INPUT = json.dumps({"image": {"sha256": "0" * 64, "media_type": "image/jpeg", "size": 1}})
_DAYS = 30


def _sqlite_text(moment: datetime) -> str:
    """Return the text that stands for a time in the service's SQLite tables."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def job_rows(count: int, now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield `count` jobs, oldest first: the last hundred are queued, of the rest 97 % succeeded."""
    step = timedelta(days=_DAYS) / count
    for number in range(count):
        created = now - step * (count - number)
        started = created + timedelta(seconds=rng.expovariate(1))
        finished = started + timedelta(seconds=rng.lognormvariate(0.5, 0.6))
        queued = number >= count - 100
        succeeded = rng.random() < 0.97
        final = JobStatus.SUCCEEDED if succeeded else JobStatus.FAILED
        yield {
            "id": new_id("job_", created, rng.getrandbits),
            "tenant_id": f"tenant-{int(_TENANTS * rng.random() ** 3)}",
            "feature": _FEATURES[rng.random() < 0.2],
            "status": JobStatus.QUEUED if queued else final,
            "priority": 10,
            "request_id": f"req_{number}",
            "fingerprint": "0" * 64,
            "input_payload": _INPUT,
            "attempt": 0 if queued else 1,
            "max_attempts": 3,
            "progress": 0.0 if queued else 1.0,
            "due_at": _sqlite_text(created),
            "created_at": _sqlite_text(created),
            "started_at": None if queued else _sqlite_text(started),
            "finished_at": None if queued else _sqlite_text(min(finished, now)),
            "error_code": None if succeeded or queued else "invalid_image",
            "merchant": f"shop {int(_TENANTS * rng.random() ** 2)}" if succeeded else None,
            "review": "pending" if succeeded and not queued and rng.random() < 0.02 else None,
            "run_ms": None if queued else int((finished - started).total_seconds() * 1000),
            "confidence": rng.random() if succeeded and not queued else None,
            "artifact_id": new_id("art_", finished, rng.getrandbits)
            if succeeded and not queued
            else None,
        }


async def fill(settings: Settings, count: int) -> None:
    """Create the database with `count` jobs."""
    database = Database(settings.resolved_database_url)
    await migrate(database)
    await database.close()
    rows = job_rows(count, datetime.now(UTC), random.Random(1))
    with sqlite3.connect(settings.data_dir / "service.db") as connection:
        first = next(rows)
        columns = ", ".join(first)
        values = ", ".join("?" * len(first))
        connection.executemany(
            f"INSERT INTO jobs ({columns}) VALUES ({values})",
            (tuple(row.values()) for row in itertools.chain([first], rows)),
        )


async def measure(settings: Settings, count: int, tries: int) -> None:
    """Print each page's times."""
    async with serve_ingress(settings, migrated=False) as ingress:
        jobs_path = "/dashboard/jobs"
        response = await ingress.http.get(f"{jobs_path}?tenant=tenant-0")
        before = response.text.split("before=")[1].split('"')[0]
        pages = {
            "overview, last hour": "/dashboard",
            "overview, last day": "/dashboard?window=day",
            "jobs": jobs_path,
            "jobs, one tenant": f"{jobs_path}?tenant=tenant-0",
            "jobs, next page": f"{jobs_path}?tenant=tenant-0&before={before}",
            "jobs, failed of a tenant": f"{jobs_path}?tenant=tenant-0&state=failed",
            "jobs, a feature": f"{jobs_path}?feature=meal_optimization",
            **{
                f"jobs, {sort}": f"{jobs_path}?sort={sort}"
                for sort in ("oldest", "longest", "least_sure", "merchant")
            },
            "jobs, longest of a tenant": f"{jobs_path}?sort=longest&tenant=tenant-0",
            "jobs, least sure of a few": f"{jobs_path}?sort=least_sure&tenant=tenant-499",
            "jobs, longest that failed": f"{jobs_path}?sort=longest&state=failed",
            "jobs, search a request": f"{jobs_path}?q=req_17",
            "jobs, search a merchant": f"{jobs_path}?q=Shop+12",
            "review": "/dashboard/review",
            "review, one tenant": "/dashboard/review?tenant=tenant-0",
            "jobs, none that match": f"{jobs_path}?state=cancelled&tenant=tenant-0",
            "readiness": "/health/ready",
        }
        print(f"{count:,} jobs; milliseconds on the server")
        print(f"{'page':<28}{'first':>9}{'median':>9}{'worst':>9}")
        for name, path in pages.items():
            first, *later = [await _milliseconds(ingress.http, path) for _ in range(tries + 1)]
            print(f"{name:<28}{first:>9.1f}{statistics.median(later):>9.1f}{max(later):>9.1f}")


async def _milliseconds(client: httpx.AsyncClient, path: str) -> float:
    started = time.perf_counter()
    response = await client.get(path)
    response.raise_for_status()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to keep the database for later runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(data_dir=options.folder or Path(scratch))
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not (settings.data_dir / "service.db").exists():
            asyncio.run(fill(settings, options.jobs))
        asyncio.run(measure(settings, options.jobs, options.tries))


if __name__ == "__main__":
    main()
