"""The job type meal_optimization: the best meal plan within the request's time limit."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from jobs.queue.job import JobResult, Progress, ProgressUpdate
from jobs.queue.job_context import JobContext
from sidecar.planning.response import MODEL_ID, MODEL_VERSION, Incumbent
from sidecar.planning.schemas import PlanRequest


def plan_meals(context: JobContext) -> Iterator[Progress | JobResult]:
    """Yield the used share of the time limit with each incumbent, then the plan."""
    # Here, because only the worker process needs them.
    from sidecar.planning.milp_solver import wait_for_overdue
    from sidecar.planning.solve import solve

    request = PlanRequest.model_validate(context.payload)
    incumbents: SimpleQueue[Incumbent | None] = SimpleQueue()
    with ThreadPoolExecutor(max_workers=1) as solver:
        plan = solver.submit(solve, request, clock=time.monotonic, on_incumbent=incumbents.put)
        plan.add_done_callback(lambda _: incumbents.put(None))
        while (incumbent := incumbents.get()) is not None:
            used = min(0.99, incumbent.elapsed_ms / request.timeout_ms)
            yield ProgressUpdate(used, detail=incumbent.wire())
    yield JobResult(output=plan.result().wire(), model_id=MODEL_ID, model_version=MODEL_VERSION)
    # The job has ended; its process is busy, and gets no other until then.
    wait_for_overdue()
