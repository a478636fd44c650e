"""What Prometheus is told of the queue and the disk."""

from datetime import timedelta
from pathlib import Path

from jobs.maintenance.queue_metrics import record_queue_metrics
from jobs.maintenance.retention import RetentionService
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from tests.unit.jobs.conftest import Clock


class Gauges:
    """A meter that keeps the last value of each."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        self.values[(name, *tags.values())] = value

    def set(self, name: str, value: float, /, **tags: str) -> None:
        self.values[(name, *tags.values())] = value

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        raise AssertionError(f"a look at the queue takes no time: {name} {value} {tags}")


async def look(database: Database, folder: Path, clock: Clock) -> dict[tuple[str, ...], float]:
    gauges = Gauges()
    blobs = BlobStore(folder, database, clock)
    await record_queue_metrics(
        gauges,
        queries=AdminQueries(database),
        retention=RetentionService(
            database,
            blobs,
            holder="r1",
            keep=timedelta(days=30),
            every=timedelta(hours=1),
            clock=clock,
        ),
        blobs=blobs,
        features=["a"],
        clock=clock,
    )
    return gauges.values


async def test_the_queue_is_counted_and_its_age_known(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock, tmp_path: Path
) -> None:
    assert (await look(database, tmp_path, clock))[("sidecar_queue_age_seconds",)] == 0
    for number in range(3):
        await queue.submit(
            NewJob(tenant_id="t", feature="a", input_payload={}, request_id=f"r{number}")
        )
        clock.pass_(10)
    await claims.claim(["a"], 1)
    seen = await look(database, tmp_path, clock)
    assert seen[("sidecar_jobs", "a", "queued")] == 2
    assert seen[("sidecar_jobs", "a", "running")] == 1
    assert seen[("sidecar_queue_age_seconds",)] == 20
    assert seen[("sidecar_disk_free_bytes",)] > 0


async def test_a_disk_that_cant_be_written_has_no_room(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    assert (await look(database, file / "blobs", clock))[("sidecar_disk_free_bytes",)] == 0


async def test_a_database_that_is_away_is_counted(clock: Clock, tmp_path: Path) -> None:
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    seen = await look(away, tmp_path, clock)
    assert seen[("sidecar_database_errors",)] == 1
    await away.close()
