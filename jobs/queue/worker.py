"""The loop from claimed rows to running work and back to rows.

One asyncio task an attempt. The loop claims what is due while it has free slots, when it is woken
and now and then by itself, renews the leases of what runs, kills what has been cancelled or taken
away, and now and then rescues what other runners lost. How an attempt runs is the launcher's
business (deployments/job_runner.py: a Ray task).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, Progress, ProgressUpdate
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.storage.blobs import BlobStore
from sidecar.core import tracing
from sidecar.core.errors import DatabaseUnavailable, DeadlineExceeded, ServiceError
from sidecar.core.metrics import NULL_METER, Meter
from sidecar.core.settings import Settings

log = logging.getLogger(__name__)

#: Seconds that an attempt waits for a process to work in: longer than any one that is in its way.
START_TIMEOUT_S = 600.0
#: How many times longer than queue.poll_interval_s an idle worker waits between two polls. It is
#: notified of new jobs; polling finds those that are due again and those whose notice was lost.
IDLE_POLLS = 20


class Attempt(Protocol):
    """Work under way."""

    def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        """0.0 once the work has started, its progress as it comes, and the Outcome last. Raises the
        ServiceError that ended the work.
        """
        ...

    def kill(self) -> None:
        """Ends the work itself, at once; nothing when it has ended."""
        ...


Launcher = Callable[[JobType, JobContext], Attempt]


class _NotStarted(Exception):
    """There was no process to work in, or none that got as far as to begin."""


class JobWorker:
    """Runs jobs until it is stopped."""

    def __init__(
        self,
        *,
        claims: Claims,
        blobs: BlobStore,
        job_types: Mapping[str, JobType],
        launch: Launcher,
        slots: Callable[[], int],
        settings: Settings,
        meter: Meter = NULL_METER,
    ) -> None:
        """`slots()` is how many attempts may run at once; it may change with the cluster."""
        self._claims = claims
        self._blobs = blobs
        self._job_types = job_types
        self._launch = launch
        self._slots = slots
        self._settings = settings
        self._meter = meter
        self._running: dict[asyncio.Task[None], Job] = {}
        self._woken = asyncio.Event()
        self._full = False
        self._stopping = False

    @property
    def running_count(self) -> int:
        """How many attempts are under way."""
        return len(self._running)

    async def run(self) -> None:
        """Returns after `stop()`; outlives a database that comes and goes."""
        loop = asyncio.get_running_loop()
        upkeep_s = self._settings.job.lease_s / 3
        next_upkeep = loop.time()
        while not self._stopping:
            self._woken.clear()  # whatever comes from here on is looked for once more
            try:
                await self._drop_what_was_taken_away()
                if loop.time() >= next_upkeep:
                    next_upkeep = loop.time() + upkeep_s
                    await self._keep_leases()
                await self._claim()
            except DatabaseUnavailable:
                log.warning("the database does not answer; the queue waits")
                self._meter.add("sidecar_database_errors")
            await self._pause()

    def notify(self) -> None:
        """Has the queue looked at now, unless every slot is taken: then it is when one comes
        free.
        """
        if not self._full:
            self._woken.set()

    async def stop(self) -> None:
        """Claims no more, kills what runs and gives it back to the queue."""
        self._stopping = True
        self._woken.set()
        running = dict(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._claims.release(list(running.values()))

    async def _claim(self) -> None:
        while not self._stopping:
            free = self._slots() - len(self._running)
            self._full = free <= 0
            if self._full:
                return
            claimed = await self._claims.claim(list(self._job_types), free)
            if not claimed:
                return
            for job in claimed:
                task = asyncio.create_task(self._attempt(job), name=job.id)
                self._running[task] = job
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._woken.set()

    async def _pause(self) -> None:
        """Until a slot comes free or a job is said to wait, and no longer than a look may wait."""
        idle = not self._running
        try:
            async with asyncio.timeout(
                self._settings.queue.poll_interval_s * (IDLE_POLLS if idle else 1)
            ):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _drop_what_was_taken_away(self) -> None:
        if not self._running:
            return
        still_held = await self._claims.find_still_claimed(list(self._running.values()))
        for task, job in self._running.items():
            if (job.id, job.attempt_token) not in still_held:
                task.cancel()

    async def _keep_leases(self) -> None:
        if self._running:
            await self._claims.renew(list(self._running.values()))
        rescued = await self._claims.reclaim_expired()
        if rescued:
            log.warning("took back jobs whose lease ran out", extra={"count": rescued})
            self._meter.add("sidecar_rescues", rescued)

    async def _attempt(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        code = "ok"
        try:
            with tracing.span(
                "attempt", job.traceparent, job_id=job.id, feature=job.feature
            ) as traceparent:
                outcome = await self._work(job, traceparent)
            await self._record(lambda: self._claims.succeed(job, outcome))
            log.info("attempt succeeded", extra=_log_fields(job))
        except _NotStarted:
            code = "not_started"
            log.warning("no process began the work; the job goes back", extra=_log_fields(job))
            await self._record(lambda: self._claims.release([job]))
        except ServiceError as error:
            failure = AttemptError(
                code=error.code,
                message=error.message.replace("\0", ""),  # which PostgreSQL can't store
                retryable=error.retryable,
            )
            code = error.code
            log.warning("attempt failed", extra={**_log_fields(job), "code": error.code})
            await self._record(lambda: self._claims.fail(job, failure))
        except Exception:  # a bug in the work, or an outcome that can't be stored
            code = ServiceError.code
            log.exception("attempt broke", extra=_log_fields(job))
            failure = AttemptError(
                code=ServiceError.code, message="The job failed unexpectedly.", retryable=True
            )
            await self._record(lambda: self._claims.fail(job, failure))
        self._meter.add("sidecar_attempts", feature=job.feature, code=code)
        self._meter.observe("sidecar_attempt_seconds", loop.time() - started, feature=job.feature)

    async def _work(self, job: Job, traceparent: str | None) -> JobResult:
        job_type = self._job_types[job.feature]
        image = None
        if "image" in job.input_payload:
            sha256 = job.input_payload["image"]["sha256"]
            _, image = await self._blobs.get(job.tenant_id, sha256)
        work = JobContext(
            tenant_id=job.tenant_id,
            payload=job.input_payload,
            image=image,
            settings=self._settings,
            traceparent=traceparent,
        )
        attempt = self._launch(job_type, work)
        started = False
        try:
            # Until the work has started it waits for its process, which is not its fault.
            async with asyncio.timeout(START_TIMEOUT_S) as limit:
                async for event in attempt:
                    if not started:
                        started = True
                        limit.reschedule(asyncio.get_running_loop().time() + job_type.timeout_s)
                    if isinstance(event, JobResult):
                        if job_type.complete is None:
                            return event
                        return await job_type.complete(work, event)
                    so_far = event if isinstance(event, ProgressUpdate) else ProgressUpdate(event)
                    if so_far.fraction > 0:
                        await self._report(job, so_far)
        except TimeoutError as error:
            if not started:
                raise _NotStarted from error
            raise DeadlineExceeded(
                f"The work ran out of its time limit of {job_type.timeout_s:g} s."
            ) from error
        finally:
            attempt.kill()
        raise RuntimeError("the work ended without an outcome")

    async def _report(self, job: Job, so_far: ProgressUpdate) -> None:
        try:
            await self._claims.report_progress(job, so_far.fraction, so_far.detail)
        except DatabaseUnavailable:
            log.warning("progress was not recorded", extra=_log_fields(job))

    async def _record(self, write: Callable[[], Awaitable[object]]) -> None:
        """Writes how an attempt ended, however long the database is away: the work is done, and
        the token decides whether it still counts.
        """
        while True:
            try:
                await write()
            except DatabaseUnavailable:
                await asyncio.sleep(1)
            else:
                return


def _log_fields(job: Job) -> dict[str, object]:
    return {
        "job_id": job.id,
        "tenant_id": job.tenant_id,
        "request_id": job.request_id,
        "feature": job.feature,
        "attempt": job.attempt,
        "trace_id": tracing.trace_id_of(job.traceparent),
    }
