"""The runner: from a claimed row to its one result, whatever happens to the work."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import Job, JobResult, JobStatus, NewJob, Progress, ProgressUpdate
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.queue.job_watcher import JobWatcher
from jobs.queue.queue import JobQueue, utc_now
from jobs.queue.worker import JobWorker
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from sidecar.core.backoff import Backoff
from sidecar.core.errors import InvalidImage, WorkerDied
from sidecar.core.settings import QueueSettings, Settings
from tests.unit.jobs.served_models import models

Event = Progress | JobResult | Exception


class Scripted:
    """An attempt that does what the test wrote down for it."""

    def __init__(
        self, events: list[Event], *, endless: bool, waits: asyncio.Event | None = None
    ) -> None:
        self.events = events
        self.endless = endless
        self.waits = waits
        self.kills = 0

    async def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        if self.waits is not None:
            await self.waits.wait()
        yield 0.0
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event
        if self.endless:
            await asyncio.Event().wait()

    def kill(self) -> None:
        self.kills += 1


class Service:
    """A queue, a runner over it, and a script for the attempts to come."""

    def __init__(self, database: Database, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.wake: Callable[[], None] = lambda: None
        self.queue = JobQueue(database, on_queued=lambda: self.wake())
        self.claims = Claims(
            database,
            runner="r1",
            backoff=Backoff(base_s=0, cap_s=0, uniform=lambda low, high: 0),
        )
        self.artifacts = Artifacts(database)
        self.blobs = BlobStore(folder / "blobs", database, utc_now)
        self.models = models(database)
        self.script: Iterator[list[Event]] = iter(())
        self.endless = False
        self.waits: asyncio.Event | None = None  # for a process: the next attempt
        self.launched: list[tuple[Scripted, JobContext]] = []
        self.watch = JobWatcher(self.queue, poll_s=0.005)

    def launch(self, feature: JobType, work: JobContext) -> Scripted:
        waits, self.waits = self.waits, None
        attempt = Scripted(next(self.script), endless=self.endless, waits=waits)
        self.launched.append((attempt, work))
        return attempt

    @asynccontextmanager
    async def running(self, *, timeout_s: float = 60.0) -> AsyncIterator[JobWorker]:
        feature = JobType(name="f", run=_never, timeout_s=timeout_s, max_attempts=3, cpus=1)
        runner = JobWorker(
            claims=self.claims,
            blobs=self.blobs,
            job_types={"f": feature},
            launch=self.launch,
            slots=lambda: 2,
            settings=self.settings,
        )
        self.wake = runner.notify
        loop = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            await runner.stop()
            await loop

    async def submit(self, **changes: object) -> Job:
        payload = changes.pop("payload", {})
        return await self.queue.submit(
            NewJob(tenant_id="t", feature="f", input_payload=payload, request_id="r")  # type: ignore[arg-type]
        )

    async def ended(self, job: Job) -> Job:
        async with asyncio.timeout(5):
            await self.watch.ended(job.id)
        return await self.queue.get("t", job.id)

    async def until(self, job: Job, condition: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(5):
            while not condition(now := await self.queue.get("t", job.id)):
                await asyncio.sleep(0.005)
        return now


def _never(work: JobContext) -> Iterator[Progress | JobResult]:
    raise AssertionError("scripted attempts run no work")


def outcome(value: str) -> JobResult:
    return JobResult(output={"value": value}, model_id="m", model_version="1")


@pytest.fixture
def service(tmp_path: Path, database: Database) -> Service:
    return Service(
        database, tmp_path, Settings(data_dir=tmp_path, queue=QueueSettings(poll_interval_s=0.01))
    )


async def test_a_job_ends_with_the_outcome_of_its_work(service: Service) -> None:
    service.script = iter([[0.5, outcome("read")]])
    image = await service.blobs.put("t", b"bytes", "image/png")
    async with service.running():
        job = await service.ended(await service.submit(payload={"image": {"sha256": image.sha256}}))
    assert job.status is JobStatus.SUCCEEDED
    assert job.artifact_id is not None
    assert (await service.artifacts.get("t", job.artifact_id)).output_payload == {"value": "read"}
    [(attempt, work)] = service.launched
    assert work.image == b"bytes"
    assert attempt.kills == 1, "an attempt is let go of in any case"


async def test_a_runner_that_looks_rarely_is_woken_by_a_job(
    database: Database, tmp_path: Path
) -> None:
    service = Service(
        database, tmp_path, Settings(data_dir=tmp_path, queue=QueueSettings(poll_interval_s=60))
    )
    service.script = iter([[outcome("read")]] * 5)
    async with service.running():
        for _ in range(5):
            assert (await service.ended(await service.submit())).status is JobStatus.SUCCEEDED


async def test_a_job_that_nobody_woke_the_runner_for_is_found(service: Service) -> None:
    service.script = iter([[outcome("found")]])
    async with service.running():
        service.wake = lambda: None
        assert (await service.ended(await service.submit())).status is JobStatus.SUCCEEDED


async def test_progress_is_seen_while_the_work_goes_on(service: Service) -> None:
    so_far = {"objective": 7, "gap": 2}
    service.script, service.endless = iter([[ProgressUpdate(0.25, so_far)]]), True
    async with service.running():
        job = await service.until(await service.submit(), lambda job: job.progress == 0.25)
        assert (job.status, job.progress_detail) == (JobStatus.RUNNING, so_far)


async def test_a_dead_worker_costs_an_attempt_and_not_the_job(service: Service) -> None:
    service.script = iter([[0.5, WorkerDied()], [outcome("second")]])
    async with service.running():
        job = await service.ended(await service.submit())
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 2)


async def test_bad_input_fails_at_once_with_its_own_error(service: Service) -> None:
    service.script = iter([[InvalidImage("It is damaged.")]])
    async with service.running():
        job = await service.ended(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 1, "invalid_image")
    assert job.error_message == "It is damaged."


async def test_a_bug_in_the_work_is_tried_again_and_tells_no_internals(service: Service) -> None:
    service.script = iter([[KeyError("secret")]] * 3)
    async with service.running():
        job = await service.ended(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 3, "internal")
    assert "secret" not in str(job.error_message)


async def test_an_outcome_that_cannot_be_stored_is_a_failed_attempt(service: Service) -> None:
    unstorable = JobResult(output={"value": object()}, model_id="m", model_version="1")
    service.script = iter([[unstorable], [unstorable], [outcome("third")]])
    async with service.running():
        job = await service.ended(await service.submit())
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 3)
    past = await service.queue.attempts(job.id)
    assert [one.error_code for one in past] == ["internal", "internal", None]


async def test_an_error_that_quotes_a_nul_is_told_without_it(service: Service) -> None:
    service.script = iter([[InvalidImage("Damaged: a\0b.")]])
    async with service.running():
        job = await service.ended(await service.submit())
    assert (job.status, job.error_message) == (JobStatus.FAILED, "Damaged: ab.")


async def test_work_that_takes_too_long_is_killed(service: Service) -> None:
    service.script, service.endless = iter([[]] * 3), True
    async with service.running(timeout_s=0.02):
        job = await service.ended(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 3, "timeout")
    assert [attempt.kills for attempt, _ in service.launched] == [1, 1, 1]


async def test_time_spent_waiting_for_a_process_is_not_the_works(service: Service) -> None:
    process = asyncio.Event()
    service.script, service.waits = iter([[outcome("read")]]), process
    async with service.running(timeout_s=0.05):
        job = await service.submit()
        await service.until(job, lambda job: job.status is JobStatus.RUNNING)
        await asyncio.sleep(0.1)
        process.set()
        assert (await service.ended(job)).status is JobStatus.SUCCEEDED


async def test_work_that_no_process_begins_goes_back_without_losing_an_attempt(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue.worker.START_TIMEOUT_S", 0.05)
    service.script, service.waits = iter([[], [outcome("read")]]), asyncio.Event()
    async with service.running():
        job = await service.ended(await service.submit())
    assert job.status is JobStatus.SUCCEEDED
    assert (job.attempt, job.max_attempts) == (2, 4)
    assert service.launched[0][0].kills == 1
    past = await service.queue.attempts(job.id)
    assert [one.outcome for one in past] == ["released", "succeeded"]


async def test_cancelling_kills_the_work(service: Service) -> None:
    service.script, service.endless = iter([[0.1]]), True
    async with service.running() as runner:
        job = await service.until(await service.submit(), lambda job: job.progress == 0.1)
        await service.queue.cancel("t", job.id)
        async with asyncio.timeout(5):
            while runner.running_count:
                await asyncio.sleep(0.005)
        [(attempt, _)] = service.launched
        assert attempt.kills == 1
    assert (await service.queue.get("t", job.id)).status is JobStatus.CANCELLED


async def test_a_runner_that_stops_gives_its_jobs_back(service: Service) -> None:
    service.script, service.endless = iter([[0.1]]), True
    async with service.running():
        job = await service.until(await service.submit(), lambda job: job.progress == 0.1)
    [(attempt, _)] = service.launched
    assert attempt.kills == 1
    assert (await service.queue.get("t", job.id)).status is JobStatus.QUEUED
    service.script, service.endless = iter([[outcome("later")]]), False
    async with service.running():
        job = await service.ended(job)
    assert (job.status, job.attempt, job.max_attempts) == (JobStatus.SUCCEEDED, 2, 4)


async def test_no_more_work_runs_at_once_than_there_are_slots(service: Service) -> None:
    service.script, service.endless = iter([[0.1]] * 3), True
    async with service.running() as runner:
        jobs = [await service.submit() for _ in range(3)]
        for job in jobs[:2]:
            await service.until(job, lambda job: job.progress == 0.1)
        assert runner.running_count == len(service.launched) == 2
        await service.queue.cancel("t", jobs[0].id)
        await service.until(jobs[2], lambda job: job.status is JobStatus.RUNNING)


async def test_an_image_that_is_gone_fails_the_job(service: Service) -> None:
    async with service.running():
        job = await service.ended(await service.submit(payload={"image": {"sha256": "0" * 64}}))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "not_found")
