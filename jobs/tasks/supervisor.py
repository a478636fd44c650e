"""An attempt inside its worker process: the work in a thread, and an eye on the memory."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

import psutil

from jobs.queue.job import JobResult, Progress
from sidecar.core.errors import WorkerDied

#: Seconds between two looks at the memory.
_POLL_S = 0.1
#: Seconds that a process which took too much waits to be killed.
_KILL_WAIT_S = 30.0
#: Seconds without work after which memory is given back.
_TRIM_AFTER_S = 2.0


@dataclass(frozen=True)
class _Raised:
    error: BaseException


def resident_bytes() -> int:
    """The memory of this process."""
    return int(psutil.Process().memory_info().rss)


def trim_heap() -> None:
    """Returns to the system what the work has freed: glibc keeps half of what a page took, else."""
    with suppress(OSError, AttributeError):  # a C library that isn't glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class IdleHeapTrimmer:
    """While it is entered, work goes on. When none has for a while, its memory is given back: to
    fetch it again for each of many receipts would cost 3 % of their time.
    """

    def __init__(
        self, after_s: float = _TRIM_AFTER_S, give_back: Callable[[], None] = trim_heap
    ) -> None:
        self._after_s = after_s
        self._give_back = give_back
        self._timer = threading.Timer(0, give_back)  # not started: there is nothing to give back

    def __enter__(self) -> None:
        self._timer.cancel()

    def __exit__(self, *_: object) -> None:
        self._timer = threading.Timer(self._after_s, self._give_back)
        self._timer.daemon = True
        self._timer.start()


@cache
def process_heap_trimmer() -> IdleHeapTrimmer:
    """This process's."""
    return IdleHeapTrimmer()


def run_supervised(
    work: Iterator[Progress | JobResult],
    *,
    memory_bytes: int,
    resident: Callable[[], int] = resident_bytes,
) -> Iterator[Progress | JobResult | WorkerDied]:
    """What the work yields, after a 0.0 that says that it has started. Raises what it raises.

    Once the process holds more than `memory_bytes`, the last thing that comes is a WorkerDied as a
    value: then the process is to be killed, for nothing less ends a thread that is deep in native
    code. (Raised, it would end the attempt and leave the thread.)
    """
    yield 0.0
    events: SimpleQueue[Progress | JobResult | _Raised | None] = SimpleQueue()

    def run() -> None:
        try:
            for event in work:
                events.put(event)
            events.put(None)
        except BaseException as error:
            events.put(_Raised(error))

    threading.Thread(target=run, name="work", daemon=True).start()
    while True:
        if resident() > memory_bytes:
            lost = WorkerDied(
                f"The work needed more than its limit of {memory_bytes} bytes of memory."
            )
            yield lost
            threading.Event().wait(_KILL_WAIT_S)
            raise lost
        try:
            event = events.get(timeout=_POLL_S)
        except Empty:
            continue
        match event:
            case None:
                return
            case _Raised(error):
                raise error
            case _:
                yield event
