"""The worker loop: it claims jobs, runs each attempt as an asyncio task, and records the result.

The loop claims due jobs while it has free slots, when it is notified and at each poll. It renews
the leases of running attempts, cancels those whose claim was lost, and periodically reclaims jobs
with an expired lease. The launcher decides how an attempt runs (deployments/job_runner.py: a Ray
task).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
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

#: Seconds that an attempt waits for a worker process: longer than any attempt before it runs.
START_TIMEOUT_S = 600.0
#: How many times longer than queue.poll_interval_s an idle worker waits between two polls. It is
#: notified of new jobs; polling finds retries and jobs whose notification was lost.
IDLE_POLLS = 20


class Attempt(Protocol):
    """A running attempt."""

    def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        """Yield 0.0 at the start, then progress, and the JobResult last.

        Raises the ServiceError that ended the attempt.
        """
        ...

    def kill(self) -> None:
        """End the attempt at once; do nothing when it has ended."""
        ...


Launcher = Callable[[JobType, JobContext], Attempt]


class _NotStarted(Exception):
    """No worker process started the attempt in time."""


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
        self._wake_up = asyncio.Event()
        self._full = False
        self._stopping = False

    @property
    def running_count(self) -> int:
        """The number of running attempts."""
        return len(self._running)

    async def run(self) -> None:
        """Return after `stop()`; a database that is away for a while doesn't end the loop."""
        loop = asyncio.get_running_loop()
        lease_interval_s = self._settings.job.lease_s / 3
        next_lease_check = loop.time()
        while not self._stopping:
            self._wake_up.clear()  # a notification from here on causes one more claim
            try:
                await self._cancel_lost_claims()
                if loop.time() >= next_lease_check:
                    next_lease_check = loop.time() + lease_interval_s
                    await self._renew_and_reclaim()
                await self._claim()
            except DatabaseUnavailable:
                log.warning("the database does not answer; the queue waits")
                self._meter.add("sidecar_database_errors")
            await self._wait()

    def notify(self) -> None:
        """Wake the loop up to claim jobs; when every slot is taken, the next free one does."""
        if not self._full:
            self._wake_up.set()

    async def stop(self) -> None:
        """Stop claiming, kill the running attempts and release their jobs."""
        self._stopping = True
        self._wake_up.set()
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
            if self._stopping:  # while it claimed
                await self._claims.release(claimed)
                return
            if not claimed:
                return
            for job in claimed:
                task = asyncio.create_task(self._run_attempt(job), name=job.id)
                self._running[task] = job
                task.add_done_callback(self._on_attempt_done)

    def _on_attempt_done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._wake_up.set()

    async def _wait(self) -> None:
        """Wait for a free slot or a notification, until the next poll."""
        polls = 1 if self._running else IDLE_POLLS
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.queue.poll_interval_s * polls):
                await self._wake_up.wait()

    async def _cancel_lost_claims(self) -> None:
        if not self._running:
            return
        still_claimed = await self._claims.find_still_claimed(list(self._running.values()))
        for task, job in self._running.items():
            if (job.id, job.attempt_token) not in still_claimed:
                task.cancel()

    async def _renew_and_reclaim(self) -> None:
        if self._running:
            await self._claims.renew(list(self._running.values()))
        reclaimed = await self._claims.reclaim_expired()
        if reclaimed:
            log.warning("reclaimed jobs with an expired lease", extra={"count": reclaimed})
            self._meter.add("sidecar_rescues", reclaimed)

    async def _run_attempt(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        code = "ok"
        try:
            with tracing.span(
                "attempt", job.traceparent, job_id=job.id, feature=job.feature
            ) as traceparent:
                result = await self._execute(job, traceparent)
            await self._record(lambda: self._claims.succeed(job, result))
            log.info("attempt succeeded", extra=_log_fields(job))
        except _NotStarted:
            code = "not_started"
            log.warning("no worker process started; job released", extra=_log_fields(job))
            await self._record(lambda: self._claims.release([job]))
        except ServiceError as error:
            failure = AttemptError(
                code=error.code,
                message=error.message,
                retryable=error.retryable,
            )
            code = error.code
            log.warning("attempt failed", extra={**_log_fields(job), "code": error.code})
            await self._record(lambda: self._claims.fail(job, failure))
        except Exception:  # a bug in the work, or a result that can't be stored
            code = ServiceError.code
            log.exception("attempt crashed", extra=_log_fields(job))
            failure = AttemptError(
                code=ServiceError.code, message="The job failed unexpectedly.", retryable=True
            )
            await self._record(lambda: self._claims.fail(job, failure))
        self._meter.add("sidecar_attempts", feature=job.feature, code=code)
        self._meter.observe("sidecar_attempt_seconds", loop.time() - started, feature=job.feature)

    async def _execute(self, job: Job, traceparent: str | None) -> JobResult:
        """Launch the attempt, report its progress and return its completed result."""
        job_type = self._job_types[job.feature]
        image = None
        if "image" in job.input_payload:
            sha256 = job.input_payload["image"]["sha256"]
            _, image = await self._blobs.get(job.tenant_id, sha256)
        context = JobContext(
            tenant_id=job.tenant_id,
            payload=job.input_payload,
            image=image,
            settings=self._settings,
            traceparent=traceparent,
        )
        attempt = self._launch(job_type, context)
        started = False
        try:
            # The wait for a worker process doesn't count against the attempt's time limit.
            async with asyncio.timeout(START_TIMEOUT_S) as limit:
                async for event in attempt:
                    if not started:
                        started = True
                        limit.reschedule(asyncio.get_running_loop().time() + job_type.timeout_s)
                    if isinstance(event, JobResult):
                        if job_type.complete is None:
                            return event
                        return await job_type.complete(context, event)
                    update = event if isinstance(event, ProgressUpdate) else ProgressUpdate(event)
                    if update.fraction > 0:
                        await self._report_progress(job, update)
        except TimeoutError as error:
            if not limit.expired():  # raised by the work itself
                raise
            if not started:
                raise _NotStarted from error
            raise DeadlineExceeded(
                f"The job exceeded its time limit of {job_type.timeout_s:g} s."
            ) from error
        finally:
            attempt.kill()
        raise RuntimeError("the attempt ended without a result")

    async def _report_progress(self, job: Job, update: ProgressUpdate) -> None:
        try:
            await self._claims.report_progress(job, update.fraction, update.detail)
        except DatabaseUnavailable:
            log.warning("progress was not recorded", extra=_log_fields(job))

    async def _record(self, write: Callable[[], Awaitable[object]]) -> None:
        """Record the end of an attempt, however long the database is away.

        The work is done by then, and the token decides whether it still counts.
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
