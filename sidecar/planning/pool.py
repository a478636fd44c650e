"""Warm worker processes for solves, so that none can hurt the event loop or another.

A worker serves one request at a time. It is killed, and replaced by a new one, when its caller
leaves, when its time is up, or when it breaks.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from time import monotonic
from types import TracebackType
from typing import Any, Self

from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError, from_code
from sidecar.planning.response import Incumbent, PlanAnswer
from sidecar.planning.schemas import PlanRequest

_log = logging.getLogger(__name__)

OnIncumbent = Callable[[Incumbent], None]

_LONGEST_LINE = 64 * 1024 * 1024
_START_LIMIT_S = 60.0
_RESTART_PAUSE_S = 5.0
_LEAST_TIME_S = 0.1  # what a solve needs to find a plan at all


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pool may use: processes, waiting requests, bytes a process, seconds past a limit."""

    workers: int = 4
    waiting: int = 16
    memory_bytes: int = 2 * 1024**3
    grace_s: float = 1.0


class _BrokenError(Exception):
    """The worker ended without an answer."""


class _Worker:
    """A process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, memory_bytes: int) -> Self:
        """Start a process and wait until it is warm. Raises ServiceError if it doesn't come up."""
        # The child finds the same packages, and leaves the other cores to its siblings.
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sidecar.planning.worker",
            str(memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=_LONGEST_LINE,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await worker.hear()
        except (TimeoutError, _BrokenError) as error:
            await worker.kill()
            raise ServiceError("a planner process did not start") from error
        except asyncio.CancelledError:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    async def say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _BrokenError from error

    async def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _BrokenError
        message: dict[str, Any] = json.loads(line)
        return message

    async def kill(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class WorkerPool:
    """A fixed number of workers and a bounded line of requests before them.

    Use as `async with WorkerPool(limits) as pool: answer = await pool.run(request)`.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = monotonic) -> None:
        """Nothing starts before `start`."""
        self._limits = limits
        self._clock = clock
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    async def start(self) -> None:
        """Bring up one worker, and the others one after another from then on: all of them at once
        would take the machine from whatever else starts. Raises ServiceError if the first does not
        come up.
        """
        await self._add()
        self._in_background(self._add_persistently(self._limits.workers - 1))

    async def close(self) -> None:
        """Kill every worker; requests under way fail as overloaded."""
        self._closed = True
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        self._workers.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def pids(self) -> frozenset[int]:
        """The processes that are up."""
        return frozenset(worker.pid for worker in self._workers)

    async def run(
        self, request: PlanRequest, on_incumbent: OnIncumbent | None = None
    ) -> PlanAnswer:
        """Solve a request in a worker, within its own timeout counted from now.

        Cancelling the call kills the worker. Raises Overloaded when too many wait or the wait took
        all the time, DeadlineExceeded when the worker overruns, and TooLarge when it needs too much
        memory.
        """
        started = self._clock()
        worker = await self._next_worker(request)
        try:
            left = request.timeout_ms / 1_000 - (self._clock() - started)
            if left < _LEAST_TIME_S:
                raise self._overloaded(request)
            timed = request.model_copy(update={"timeout_ms": int(left * 1_000)})
            line = await asyncio.to_thread(_encode, timed)
        except BaseException:
            self._idle.put_nowait(worker)
            raise
        try:
            async with asyncio.timeout(left + self._limits.grace_s):
                answer = await _converse(worker, line, on_incumbent)
        except TimeoutError:
            self._replace(worker)
            raise DeadlineExceeded("no plan was found within the time limit") from None
        except _BrokenError:
            self._replace(worker)
            raise self._failure() from None
        except BaseException:
            self._replace(worker)
            raise
        self._idle.put_nowait(worker)
        if "error" in answer:
            raise from_code(answer["error"]["code"], answer["error"]["message"])
        return PlanAnswer.model_validate(answer["answer"])

    async def _next_worker(self, request: PlanRequest) -> _Worker:
        if self._closed or (self._idle.empty() and self._waiting >= self._limits.waiting):
            raise self._overloaded(request)
        self._waiting += 1
        try:
            async with asyncio.timeout(request.timeout_ms / 1_000 - _LEAST_TIME_S):
                return await self._idle.get()
        except TimeoutError:
            raise self._overloaded(request) from None
        finally:
            self._waiting -= 1

    def _overloaded(self, request: PlanRequest) -> Overloaded:
        ahead = (self._waiting + 1) / self._limits.workers
        return Overloaded(
            "every planner process is busy; try again shortly",
            retry_after_s=max(1, ceil(ahead * request.timeout_ms / 1_000)),
        )

    def _failure(self) -> ServiceError:
        if self._closed:
            return Overloaded("the planner is shutting down", retry_after_s=5)
        return ServiceError("the planner process ended without an answer")

    def _replace(self, worker: _Worker) -> None:
        """Kill a worker and bring up another, without keeping anyone waiting."""

        async def swap() -> None:
            await worker.kill()
            self._workers.discard(worker)
            await self._add_persistently(1)

        self._in_background(swap())

    def _in_background(self, starting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(starting)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _add_persistently(self, number: int) -> None:
        while number and not self._closed:
            try:
                await self._add()
                number -= 1
            except ServiceError:
                _log.exception("a planner process did not start; trying again")
                await asyncio.sleep(_RESTART_PAUSE_S)

    async def _add(self) -> None:
        worker = await _Worker.start(self._limits.memory_bytes)
        self._workers.add(worker)
        self._idle.put_nowait(worker)


def _encode(request: PlanRequest) -> bytes:
    return request.model_dump_json().encode()


async def _converse(
    worker: _Worker, line: bytes, on_incumbent: OnIncumbent | None
) -> dict[str, Any]:
    await worker.say(line)
    while "incumbent" in (message := await worker.hear()):
        if on_incumbent is not None:
            on_incumbent(Incumbent.model_validate(message["incumbent"]))
    return message
