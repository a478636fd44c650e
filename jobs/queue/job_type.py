"""A job type: the work of one kind of job and the limits of its attempts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from sidecar.core.settings import Settings

#: Runs an attempt in a worker process of its own: a module-level function, for it travels by name.
#: It yields its progress (0 to 1) and its JobResult last, and raises ServiceError when it can't.
WorkerFunction = Callable[[JobContext], Iterator[Progress | JobResult]]


@dataclass(frozen=True)
class InProcessWork:
    """Work that only calls other deployments, so it stays in the job runner's process."""

    run: Callable[[JobContext], AsyncIterator[Progress | JobResult]]


@dataclass(frozen=True, kw_only=True)
class JobType:
    """One kind of job; on the wire its name is the job's `feature`."""

    name: str
    run: WorkerFunction | InProcessWork
    timeout_s: float  # the attempt is killed after this
    max_attempts: int
    cpus: float = 0.0  # of the worker process
    #: Loads what the work needs into an idle worker process.
    warm_up: Callable[[Settings], None] | None = None
    #: Adds to the result what other deployments know, in the job runner's process.
    complete: Callable[[JobContext, JobResult], Awaitable[JobResult]] | None = None


class InProcessAttempt:
    """An attempt at InProcessWork."""

    def __init__(self, work: InProcessWork, context: JobContext) -> None:
        self._events = work.run(context)

    async def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        yield 0.0
        async for event in self._events:
            yield event

    def kill(self) -> None:
        """Do nothing: the call in flight is cancelled with the task that awaits it."""
