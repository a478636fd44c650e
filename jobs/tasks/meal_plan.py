"""The work of meal_optimization."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from jobs.queue.job import JobResult, Progress, ProgressUpdate
from jobs.queue.job_context import JobContext
from sidecar.planning.response import MODEL_ID, MODEL_VERSION, Incumbent
from sidecar.planning.schemas import PlanRequest


def plan_meals(work: JobContext) -> Iterator[Progress | JobResult]:
    """The work of meal_optimization. It is as far as its time is used up, and has the worth of the
    best plan by now.
    """
    from sidecar.planning.solve import solve

    request = PlanRequest.model_validate(work.payload)
    incumbents: SimpleQueue[Incumbent | None] = SimpleQueue()
    with ThreadPoolExecutor(max_workers=1) as solver:
        answer = solver.submit(solve, request, clock=time.monotonic, on_incumbent=incumbents.put)
        answer.add_done_callback(lambda _: incumbents.put(None))
        while (incumbent := incumbents.get()) is not None:
            used = min(0.99, incumbent.elapsed_ms / request.timeout_ms)
            yield ProgressUpdate(used, detail=incumbent.wire())
    yield JobResult(output=answer.result().wire(), model_id=MODEL_ID, model_version=MODEL_VERSION)
