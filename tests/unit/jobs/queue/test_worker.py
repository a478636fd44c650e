import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
from sidecar.core.setting_groups import QueueSettings
from sidecar.core.settings import Settings

Event = Progress | JobResult | Exception


class ScriptedAttempt:
    """An attempt that yields or raises the events of a script."""

    def __init__(
        self, events: list[Event], *, endless: bool, starts: asyncio.Event | None = None
    ) -> None:
        self.events = events
        self.endless = endless
        self.starts = starts
        self.kills = 0

    async def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        if self.starts is not None:
            await self.starts.wait()
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
    """A queue, its worker, and a script with the events of each attempt."""

    def __init__(self, database: Database, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.notify: Callable[[], None] = lambda: None
        self.queue = JobQueue(database, on_queued=lambda: self.notify())
        self.claims = Claims(
            database,
            runner="r1",
            backoff=Backoff(base_s=0, cap_s=0, uniform=lambda low, high: 0),
        )
        self.artifacts = Artifacts(database)
        self.blobs = BlobStore(folder / "blobs", database, utc_now)
        self.script: Iterator[list[Event]] = iter(())
        self.endless = False
        self.starts: asyncio.Event | None = None  # delays the start of the next attempt
        self.launched: list[tuple[ScriptedAttempt, JobContext]] = []
        self.watcher = JobWatcher(self.queue, poll_s=0.005)

    def launch(self, _: JobType, context: JobContext) -> ScriptedAttempt:
        starts, self.starts = self.starts, None
        attempt = ScriptedAttempt(next(self.script), endless=self.endless, starts=starts)
        self.launched.append((attempt, context))
        return attempt

    @asynccontextmanager
    async def running(self, *, timeout_s: float = 60.0) -> AsyncIterator[JobWorker]:
        job_type = JobType(name="f", run=_never, timeout_s=timeout_s, max_attempts=3, cpus=1)
        worker = JobWorker(
            claims=self.claims,
            blobs=self.blobs,
            job_types={"f": job_type},
            launch=self.launch,
            slots=lambda: 2,
            settings=self.settings,
        )
        self.notify = worker.notify
        loop = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            await worker.stop()
            await loop

    async def submit(self, **changes: object) -> Job:
        payload = changes.pop("payload", {})
        return await self.queue.submit(
            NewJob(tenant_id="t", feature="f", input_payload=payload, request_id="r")  # type: ignore[arg-type]
        )

    async def finished(self, job: Job) -> Job:
        async with asyncio.timeout(5):
            await self.watcher.wait_until_finished(job.id)
        return await self.queue.get("t", job.id)

    async def until(self, job: Job, condition: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(5):
            while not condition(now := await self.queue.get("t", job.id)):
                await asyncio.sleep(0.005)
        return now


def _never(context: JobContext) -> Iterator[Progress | JobResult]:
    raise AssertionError("scripted attempts do no work")


def result(value: str) -> JobResult:
    return JobResult(output={"value": value}, model_id="m", model_version="1")


@pytest.fixture
def service(tmp_path: Path, database: Database) -> Service:
    return Service(
        database, tmp_path, Settings(data_dir=tmp_path, queue=QueueSettings(poll_interval_s=0.01))
    )


async def test_a_job_finishes_with_the_result_of_its_attempt(service: Service) -> None:
    service.script = iter([[0.5, result("read")]])
    image = await service.blobs.put("t", b"bytes", "image/png")
    payload = {"image": {"sha256": image.sha256}}
    async with service.running():
        job = await service.finished(await service.submit(payload=payload))
    assert job.status is JobStatus.SUCCEEDED
    assert job.artifact_id is not None
    assert (await service.artifacts.get("t", job.artifact_id)).output_payload == {"value": "read"}
    [(attempt, context)] = service.launched
    assert context.image == b"bytes"
    assert attempt.kills == 1, "a finished attempt is killed too"


async def test_a_worker_that_polls_rarely_is_woken_up_by_a_job(
    database: Database, tmp_path: Path
) -> None:
    service = Service(
        database, tmp_path, Settings(data_dir=tmp_path, queue=QueueSettings(poll_interval_s=60))
    )
    service.script = iter([[result("read")]] * 5)
    async with service.running():
        for _ in range(5):
            assert (await service.finished(await service.submit())).status is JobStatus.SUCCEEDED


async def test_polling_finds_a_job_without_a_notification(service: Service) -> None:
    service.script = iter([[result("found")]])
    async with service.running():
        service.notify = lambda: None
        assert (await service.finished(await service.submit())).status is JobStatus.SUCCEEDED


async def test_progress_is_visible_during_the_attempt(service: Service) -> None:
    detail = {"objective": 7, "gap": 2}
    service.script, service.endless = iter([[ProgressUpdate(0.25, detail)]]), True
    async with service.running():
        job = await service.until(await service.submit(), lambda job: job.progress == 0.25)
        assert (job.status, job.progress_detail) == (JobStatus.RUNNING, detail)


async def test_a_dead_worker_process_costs_an_attempt_but_not_the_job(service: Service) -> None:
    service.script = iter([[0.5, WorkerDied()], [result("second")]])
    async with service.running():
        job = await service.finished(await service.submit())
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 2)


async def test_invalid_input_fails_at_once_with_its_own_error(service: Service) -> None:
    service.script = iter([[InvalidImage("It is damaged.")]])
    async with service.running():
        job = await service.finished(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 1, "invalid_image")
    assert job.error_message == "It is damaged."


@pytest.mark.parametrize("crash", [ValueError("secret"), TimeoutError("secret")])
async def test_a_crash_is_retried_and_exposes_no_internals(
    service: Service, crash: Exception
) -> None:
    service.script = iter([[crash]] * 3)
    async with service.running():
        job = await service.finished(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 3, "internal")
    assert "secret" not in str(job.error_message)


async def test_a_result_that_cannot_be_stored_fails_the_attempt(service: Service) -> None:
    unstorable = JobResult(output={"value": object()}, model_id="m", model_version="1")
    service.script = iter([[unstorable], [unstorable], [result("third")]])
    async with service.running():
        job = await service.finished(await service.submit())
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 3)
    attempts = await service.queue.attempts(job.id)
    assert [attempt.error_code for attempt in attempts] == ["internal", "internal", None]


async def test_a_nul_in_an_error_message_is_removed(service: Service) -> None:
    service.script = iter([[InvalidImage("Damaged: a\0b.")]])
    async with service.running():
        job = await service.finished(await service.submit())
    assert (job.status, job.error_message) == (JobStatus.FAILED, "Damaged: ab.")


async def test_an_attempt_over_its_time_limit_is_killed(service: Service) -> None:
    service.script, service.endless = iter([[]] * 3), True
    async with service.running(timeout_s=0.02):
        job = await service.finished(await service.submit())
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 2, "timeout")
    assert [attempt.kills for attempt, _ in service.launched] == [1, 1]


async def test_the_wait_for_a_worker_process_does_not_count_against_the_time_limit(
    service: Service,
) -> None:
    starts = asyncio.Event()
    service.script, service.starts = iter([[result("read")]]), starts
    async with service.running(timeout_s=0.05):
        job = await service.submit()
        await service.until(job, lambda job: job.status is JobStatus.RUNNING)
        await asyncio.sleep(0.1)
        starts.set()
        assert (await service.finished(job)).status is JobStatus.SUCCEEDED


async def test_a_job_that_no_worker_process_starts_is_released(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue.worker.START_TIMEOUT_S", 0.05)
    service.script, service.starts = iter([[], [result("read")]]), asyncio.Event()
    async with service.running():
        job = await service.finished(await service.submit())
    assert job.status is JobStatus.SUCCEEDED
    assert (job.attempt, job.max_attempts) == (2, 4)
    assert service.launched[0][0].kills == 1
    attempts = await service.queue.attempts(job.id)
    assert [attempt.outcome for attempt in attempts] == ["released", "succeeded"]


async def test_cancelling_a_job_kills_its_attempt(service: Service) -> None:
    service.script, service.endless = iter([[0.1]]), True
    async with service.running() as worker:
        job = await service.until(await service.submit(), lambda job: job.progress == 0.1)
        await service.queue.cancel("t", job.id)
        async with asyncio.timeout(5):
            while worker.running_count:
                await asyncio.sleep(0.005)
        [(attempt, _)] = service.launched
        assert attempt.kills == 1
    assert (await service.queue.get("t", job.id)).status is JobStatus.CANCELLED


async def test_a_stopping_worker_releases_its_jobs(service: Service) -> None:
    service.script, service.endless = iter([[0.1]]), True
    async with service.running():
        job = await service.until(await service.submit(), lambda job: job.progress == 0.1)
    [(attempt, _)] = service.launched
    assert attempt.kills == 1
    assert (await service.queue.get("t", job.id)).status is JobStatus.QUEUED
    service.script, service.endless = iter([[result("later")]]), False
    async with service.running():
        job = await service.finished(job)
    assert (job.status, job.attempt, job.max_attempts) == (JobStatus.SUCCEEDED, 2, 4)


async def test_a_job_claimed_while_the_worker_stops_is_released(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, claimed, stopped = service.claims.claim, asyncio.Event(), asyncio.Event()

    async def claim_slowly(features: Sequence[str], limit: int) -> Sequence[Job]:
        jobs = await claims(features, limit)
        if jobs:
            claimed.set()
            await stopped.wait()
        return jobs

    monkeypatch.setattr(service.claims, "claim", claim_slowly)
    service.endless = True
    service.script = iter([[]])
    job = await service.submit()
    async with service.running() as worker:
        await claimed.wait()
        await worker.stop()
        stopped.set()
    released = await service.queue.get("t", job.id)
    assert (released.status, released.max_attempts) == (JobStatus.QUEUED, 4)
    assert service.launched == []


async def test_no_more_attempts_run_at_once_than_there_are_slots(service: Service) -> None:
    service.script, service.endless = iter([[0.1]] * 3), True
    async with service.running() as worker:
        jobs = [await service.submit() for _ in range(3)]
        for job in jobs[:2]:
            await service.until(job, lambda job: job.progress == 0.1)
        assert worker.running_count == len(service.launched) == 2
        await service.queue.cancel("t", jobs[0].id)
        await service.until(jobs[2], lambda job: job.status is JobStatus.RUNNING)


async def test_a_job_whose_image_is_gone_fails(service: Service) -> None:
    payload = {"image": {"sha256": "0" * 64}}
    async with service.running():
        job = await service.finished(await service.submit(payload=payload))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "not_found")
