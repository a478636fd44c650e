"""The solver processes: `python -m sidecar.planning.worker MEMORY_BYTES DESCRIPTOR`.

The process forks a worker for each socket that it receives through the descriptor. A worker reads a
`Task` as one JSON line and writes JSON lines: {"ready": true, "pid": …} once warm, then for each
task any number of {"incumbent": …} and one {"answer": …, "is_overdue": …} or {"error": {code,
message}}. A worker that is overdue still computes for that answer, and should be killed. The
operating system limits its memory and each request's CPU time; the parent kills it in every other
case. It ends with its parent.
"""

import gc
import json
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
from typing import NoReturn, TextIO

from pydantic import BaseModel

from sidecar.core.errors import ServiceError, TooLarge
from sidecar.planning.milp_solver import is_overdue
from sidecar.planning.response import Incumbent
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve

_SPARE_CPU_S = 5
_READ_CPU_S = 30.0
_MIN_SOLVE_MS = 100  # the shortest time of a request
#: Below the processes that answer in milliseconds, above jobs.
_NICENESS = 5


class Task(BaseModel, frozen=True):
    """A request, when its time is over, and whether it may use a second core."""

    request: PlanRequest
    deadline: float  # of `time.monotonic`, which all processes of a machine share
    idle_core: bool


def main() -> None:
    """Fork a worker for each socket that arrives, until the parent closes its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets ended workers
    gc.freeze()  # a collection would write to the pages that the workers share
    with socket.socket(fileno=int(sys.argv[2])) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            if os.fork() == 0:
                control.close()
                _serve(socket.socket(fileno=descriptors[0]))
            os.close(descriptors[0])


def _serve(connection: socket.socket) -> NoReturn:
    """Serve the requests that arrive until the parent closes its end."""
    for number in (signal.SIGCHLD, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    # Native code may print to stdout, which is not the worker's.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _warm_up()
    os.nice(_NICENESS)
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = connection.makefile("w", encoding="utf-8")
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, requests), daemon=True).start()
    _send(out, {"ready": True, "pid": os.getpid()})
    while True:
        _send(out, _respond(requests.get(), out))


def _read(connection: socket.socket, requests: "queue.SimpleQueue[str]") -> None:
    """Queue the requests. The end of the input means that the parent has ended."""
    for line in connection.makefile("r", encoding="utf-8"):
        requests.put(line)
    os._exit(0)


def _respond(line: str, out: TextIO) -> dict[str, object]:
    try:
        _limit_cpu(_READ_CPU_S)  # the limit of the request before would end this one
        task = Task.model_validate_json(line)
        # What reading it took is gone, and so is the time that it waited.
        remaining_ms = int((task.deadline - time.monotonic()) * 1_000)
        request = task.request.model_copy(update={"timeout_ms": max(_MIN_SOLVE_MS, remaining_ms)})
        _limit_cpu(request.timeout_ms / 1_000)

        def report(incumbent: Incumbent) -> None:
            _send(out, {"incumbent": incumbent.wire()})

        answer = solve(
            request,
            clock=time.monotonic,
            on_incumbent=report,
            idle_core=task.idle_core,
        )
        return {"answer": answer.wire(), "is_overdue": is_overdue()}
    except MemoryError:
        error: ServiceError = TooLarge("The plan needs more memory than one request may use.")
    except ServiceError as raised:
        error = raised
    return {"error": {"code": error.code, "message": error.message}}


def _limit_cpu(seconds: float) -> None:
    """Let the kernel end this process if it computes much longer than `seconds` from now on.

    RLIMIT_CPU counts from the start of the process, in clock ticks, which drift from the CPU time
    that the kernel tells: after some minutes of CPU time it would end a process that does no harm.
    """
    # Native libraries may use every core.
    signal.setitimer(signal.ITIMER_PROF, seconds * (os.cpu_count() or 1) + _SPARE_CPU_S)


def _send(out: TextIO, message: dict[str, object]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _warm_up() -> None:
    """Solve a tiny request, so that the first real one doesn't wait for imports."""
    lot = {"ingredient_id": "i", "name": "salt", "quantity": 1, "unit": "tsp"}
    request = PlanRequest.model_validate(
        {
            "planning_horizon": {"start_date": "2000-01-01", "days": 1},
            "inventory": [{**lot, "unit": "g", "days_until_expiry": 1}],
            "recipes": [{"id": name, "name": name, "ingredients": [lot]} for name in ("a", "b")],
            "timeout_ms": 2_000,
        }
    )
    solve(request, clock=time.monotonic)


if __name__ == "__main__":
    main()
