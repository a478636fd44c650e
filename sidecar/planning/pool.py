"""A pool of warm worker processes for solves, so that no solve can block the event loop or another.

A worker serves one request at a time. It is killed and replaced when its caller disconnects, when
its time is up, and when it crashes.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Any, Self

from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError, from_code
from sidecar.planning.response import Incumbent, PlanAnswer
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.worker_processes import Worker, WorkerCrashed, WorkerStarter

_log = logging.getLogger(__name__)

OnIncumbent = Callable[[Incumbent], None]

_RESTART_PAUSE_S = 5.0
_MIN_SOLVE_S = 0.1  # enough to find a plan at all


@dataclass(frozen=True, slots=True)
class Limits:
    """The pool's limits.

    A worker may exceed the request's time limit by `grace_s` seconds, and by as much again for each
    `grace_bytes` of the request, which it has to read.
    """

    workers: int = 4
    queue_capacity: int = 16  # requests that wait for a worker
    memory_bytes: int = 2 * 1024**3  # per worker
    grace_s: float = 1.0
    grace_bytes: int = 4 * 1024 * 1024


class WorkerPool:
    """A fixed number of workers behind a bounded queue of requests.

    Use as `async with WorkerPool(limits) as pool: answer = await pool.run(request)`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._starter = WorkerStarter(limits.memory_bytes)
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._workers: set[Worker] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    async def start(self) -> None:
        """Start one worker, and the others one after another in the background.

        All of them at once would take the CPUs from everything else that starts. Raises
        ServiceError if the first does not start.
        """
        await self._add()
        self._in_background(self._add_with_retries(self._limits.workers - 1))

    async def close(self) -> None:
        """Kill every worker. Requests in flight fail as overloaded."""
        self._closed = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        self._workers.clear()
        await self._starter.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pids(self) -> frozenset[int]:
        """Return the ids of the running processes."""
        return frozenset(worker.pid for worker in self._workers)

    async def run(
        self, request: PlanRequest, on_incumbent: OnIncumbent | None = None
    ) -> PlanAnswer:
        """Solve a request in a worker; see `run_json`."""
        return await self.run_json(
            request.model_dump_json().encode(), request.timeout_ms, on_incumbent
        )

    async def run_json(
        self, request: bytes, timeout_ms: int, on_incumbent: OnIncumbent | None = None
    ) -> PlanAnswer:
        """Solve a valid PlanRequest in JSON, in one line, within `timeout_ms` from now.

        The worker reads it within that time too: a large one takes seconds. Cancelling the call
        kills the worker.

        Raises:
            Overloaded: when the queue is full or waiting in it took all the time.
            DeadlineExceeded: when the worker exceeds the time limit.
            TooLarge: when the worker needs too much memory.
        """
        deadline = monotonic() + timeout_ms / 1_000
        worker = await self._next_worker(timeout_ms)
        try:
            remaining = deadline - monotonic()
            if remaining < _MIN_SOLVE_S:
                raise self._overloaded(timeout_ms)
            is_alone = self._idle.qsize() >= len(self._workers) - 1 and not self._waiting
            line = _line(request, deadline, is_alone and _has_idle_core())
        except BaseException:
            self._idle.put_nowait(worker)
            raise
        try:
            grace_s = self._limits.grace_s * (1 + len(request) / self._limits.grace_bytes)
            async with asyncio.timeout(remaining + grace_s):
                response = await _exchange(worker, line, on_incumbent)
        except TimeoutError:
            self._replace(worker)
            raise DeadlineExceeded("No plan was found within the time limit.") from None
        except WorkerCrashed:
            self._replace(worker)
            raise self._crash_error() from None
        except BaseException:
            self._replace(worker)
            raise
        if response.get("is_overdue"):
            self._replace(worker)
        else:
            self._idle.put_nowait(worker)
        if "error" in response:
            raise from_code(response["error"]["code"], response["error"]["message"])
        return PlanAnswer.model_validate(response["answer"])

    async def _next_worker(self, timeout_ms: int) -> Worker:
        if self._closed or (self._idle.empty() and self._waiting >= self._limits.queue_capacity):
            raise self._overloaded(timeout_ms)
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_ms / 1_000 - _MIN_SOLVE_S):
                return await self._idle.get()
        except TimeoutError:
            raise self._overloaded(timeout_ms) from None
        finally:
            self._waiting -= 1

    def _overloaded(self, timeout_ms: int) -> Overloaded:
        rounds = (self._waiting + 1) / self._limits.workers
        return Overloaded(
            "Every planner process is busy; try again shortly.",
            retry_after_s=max(1, ceil(rounds * timeout_ms / 1_000)),
        )

    def _crash_error(self) -> ServiceError:
        if self._closed:
            return Overloaded("The planner is shutting down.", retry_after_s=5)
        return ServiceError("The planner process ended without an answer.")

    def _replace(self, worker: Worker) -> None:
        """Kill a worker and start another in the background."""

        async def swap() -> None:
            await worker.kill()
            self._workers.discard(worker)
            await self._add_with_retries(1)

        self._in_background(swap())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _add_with_retries(self, number: int) -> None:
        while number and not self._closed:
            try:
                await self._add()
                number -= 1
            except ServiceError:
                _log.exception("planner process did not start; retrying")
                await asyncio.sleep(_RESTART_PAUSE_S)

    async def _add(self) -> None:
        worker = await self._starter.start_worker()
        self._workers.add(worker)
        self._idle.put_nowait(worker)


def _line(request: bytes, deadline: float, idle_core: bool) -> bytes:
    return b'{"deadline":%r,"idle_core":%d,"request":%s}' % (deadline, idle_core, request)


def _has_idle_core() -> bool:
    return (os.cpu_count() or 1) > 1


async def _exchange(
    worker: Worker, line: bytes, on_incumbent: OnIncumbent | None
) -> dict[str, Any]:
    await worker.send(line)
    while "incumbent" in (message := await worker.receive()):
        if on_incumbent is not None:
            on_incumbent(Incumbent.model_validate(message["incumbent"]))
    return message
