"""A process that works at jobs: an attempt as a Ray task.

Ray starts such a process when somebody waits for it. So this module and what it imports carry
neither Ray Serve nor a database nor the other kinds of work (tests/unit/test_import_footprint.py).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import ray

from deployments.serving.metrics import RayMeter
from jobs.queue.job import Outcome, Progress
from jobs.queue.job_context import Work
from jobs.tasks.supervisor import rest, watched
from sidecar.core import tracing
from sidecar.core.errors import WorkerLost
from sidecar.core.settings import Settings

#: How far jobs step back, so that the service answers while all cores work at them.
_NICENESS = 10


@ray.remote(max_retries=0, num_returns="streaming")
def attempt(
    name: str, do: Callable[[Work], Iterator[Progress | Outcome]], work: Work
) -> Iterator[Progress | Outcome | WorkerLost]:
    """One attempt of the feature of that name. The row counts attempts, so Ray retries nothing."""
    _step_back()
    tracing.trace_of_worker()
    with tracing.span(name, work.traceparent) as traceparent:
        here = replace(work, meter=RayMeter(), traceparent=traceparent)
        with rest():
            yield from watched(do(here), memory_bytes=work.settings.job_memory_bytes)


@ray.remote(max_retries=0)
def warm_up(load: Callable[[Settings], None], settings: Settings) -> None:
    """Loads into this process what its first attempt would."""
    _step_back()
    load(settings)


def _step_back() -> None:
    """Of this thread, and of those that it starts."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(now, _NICENESS))
