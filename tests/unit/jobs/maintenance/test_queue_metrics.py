"""The gauges of the queue and the disk."""

from pathlib import Path

from jobs.maintenance.queue_metrics import record_queue_metrics
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from tests.unit.conftest import Clock
from tests.unit.jobs.retention import new_service


class Gauges:
    """A meter that stores the last value of each metric."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        self.values[(name, *tags.values())] = value

    def set(self, name: str, value: float, /, **tags: str) -> None:
        self.values[(name, *tags.values())] = value

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        raise AssertionError(f"unexpected histogram: {name} {value} {tags}")


async def measure(database: Database, folder: Path, clock: Clock) -> dict[tuple[str, ...], float]:
    gauges = Gauges()
    blobs = BlobStore(folder, database, clock)
    await record_queue_metrics(
        gauges,
        queries=AdminQueries(database),
        queue=JobQueue(database, clock=clock),
        retention=new_service(database, blobs, clock),
        blobs=blobs,
        features=["a"],
        clock=clock,
    )
    return gauges.values


async def test_the_queue_depths_and_its_age_are_measured(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock, tmp_path: Path
) -> None:
    assert (await measure(database, tmp_path, clock))[("sidecar_queue_age_seconds",)] == 0
    for number in range(3):
        await queue.submit(
            NewJob(tenant_id="t", feature="a", input_payload={}, request_id=f"r{number}")
        )
        clock.advance(10)
    await claims.claim(["a"], 1)
    assert (await measure(database, tmp_path, clock))[("sidecar_queue_paused", "a")] == 0
    await queue.pause("a", None)
    values = await measure(database, tmp_path, clock)
    assert values[("sidecar_queue_paused", "a")] == 1
    assert values[("sidecar_jobs", "a", "queued")] == 2
    assert values[("sidecar_jobs", "a", "running")] == 1
    assert values[("sidecar_queue_age_seconds",)] == 20
    assert values[("sidecar_disk_free_bytes",)] > 0


async def test_an_unwritable_disk_counts_as_full(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert (await measure(database, file / "blobs", clock))[("sidecar_disk_free_bytes",)] == 0


async def test_an_unavailable_database_is_counted(clock: Clock, tmp_path: Path) -> None:
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    values = await measure(database, tmp_path, clock)
    assert values[("sidecar_database_errors",)] == 1
    await database.close()
