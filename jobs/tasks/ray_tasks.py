"""Attempts at jobs as Ray tasks, each in a worker process that is killed when it must end.

Ray starts such a process while a caller waits. So this module and its imports carry neither Ray
Serve nor a database nor the work of other job types (tests/unit/test_import_footprint.py).
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from jobs.queue.job import JobResult, Progress
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import InProcessWork, JobType, WorkerFunction
from jobs.tasks.supervisor import process_heap_trimmer, run_supervised
from sidecar.core import tracing
from sidecar.core.errors import OutOfMemory, ServiceError, WorkerDied
from sidecar.core.metrics import Meter
from sidecar.core.settings import Settings

#: Niceness of jobs, so that the service still answers while they keep all cores busy.
_NICENESS = 10


class RayAttempt:
    """An attempt in a worker process, anywhere in the cluster."""

    def __init__(self, job_type: JobType, context: JobContext, meter: Callable[[], Meter]) -> None:
        """Start the task; `meter` is called in the worker process, which imports it by name."""
        assert not isinstance(job_type.run, InProcessWork)
        task = run_attempt.options(num_cpus=job_type.cpus, name=job_type.name)
        self._events: Any = task.remote(job_type.name, job_type.run, context, meter)
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[Progress | JobResult]:
        try:
            async for reference in self._events:
                event = await reference
                if isinstance(event, OutOfMemory):
                    raise event
                self._ended = isinstance(event, JobResult)
                yield event
        except TaskCancelledError as error:
            raise WorkerDied("The job's process was stopped from outside.") from error
        except RayTaskError as error:
            self._ended = True
            if isinstance(error.cause, ServiceError):
                raise error.cause from None
            raise
        except RayError as error:
            raise WorkerDied from error

    def kill(self) -> None:
        """Kill the worker process, unless the task has returned its result or raised its error.

        Nothing less ends a thread deep in native code. After the end, another attempt may run in
        that process already, and Ray 2.60 aborts this process if a task is cancelled while its last
        reply is handled ("Tried to complete task that was not pending").
        """
        if not self._ended:
            ray.cancel(self._events, force=True)


def warm_workers(job_types: Iterable[JobType], settings: Settings) -> None:
    """Start loading what first jobs would otherwise wait for; don't wait for it."""
    for job_type in job_types:
        if job_type.warm_up is not None:
            task = warm_up.options(num_cpus=job_type.cpus)
            for _ in range(settings.worker.warm):
                task.remote(job_type.warm_up, settings)


@ray.remote(max_retries=0, num_returns="streaming")
def run_attempt(
    name: str, run: WorkerFunction, context: JobContext, meter: Callable[[], Meter]
) -> Iterator[Progress | JobResult | OutOfMemory]:
    """Run one attempt at a job of the type `name`. The row counts attempts: Ray retries nothing."""
    _lower_priority()
    tracing.set_up_worker_tracing()
    with tracing.span(name, context.traceparent) as traceparent:
        local = replace(context, meter=meter(), traceparent=traceparent)
        with process_heap_trimmer():
            yield from run_supervised(run(local), memory_bytes=context.settings.job.memory_bytes)


@ray.remote(max_retries=0)
def warm_up(load: Callable[[Settings], None], settings: Settings) -> None:
    """Load into this process what its first attempt would."""
    _lower_priority()
    load(settings)


def _lower_priority() -> None:
    """Lower the priority of this thread and of those it starts."""
    current = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(current, _NICENESS))
