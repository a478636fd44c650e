"""Supervision of an attempt inside its worker process: a memory limit and heap trimming."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

import psutil

from jobs.queue.job import JobResult, Progress
from sidecar.core.errors import OutOfMemory

#: Seconds between two memory checks.
_POLL_S = 0.1
#: Seconds that a process over the limit waits to be killed.
_KILL_WAIT_S = 30.0
#: Seconds without work after which the heap is trimmed.
_TRIM_AFTER_S = 2.0


@dataclass(frozen=True)
class _Raised:
    error: BaseException


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def trim_heap() -> None:
    """Return freed memory to the system; by itself, glibc keeps half of what a page took."""
    with suppress(OSError, AttributeError):  # a C library that isn't glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class IdleHeapTrimmer:
    """A context manager around work that trims the heap after `after_s` seconds without work.

    Trimming after every receipt would cost 3 % of the throughput.
    """

    def __init__(
        self, after_s: float = _TRIM_AFTER_S, trim: Callable[[], None] = trim_heap
    ) -> None:
        self._after_s = after_s
        self._trim = trim
        self._timer = threading.Timer(0, trim)  # never started: there is nothing to trim yet

    def __enter__(self) -> None:
        self._timer.cancel()

    def __exit__(self, *_: object) -> None:
        self._timer = threading.Timer(self._after_s, self._trim)
        self._timer.daemon = True
        self._timer.start()


@cache
def process_heap_trimmer() -> IdleHeapTrimmer:
    """Return the trimmer of this process."""
    return IdleHeapTrimmer()


def run_supervised(
    work: Iterator[Progress | JobResult],
    *,
    memory_bytes: int,
    resident: Callable[[], int] = resident_bytes,
) -> Iterator[Progress | JobResult | OutOfMemory]:
    """Yield 0.0 at the start, then what the work yields; raise what it raises.

    Once the process holds more than `memory_bytes`, the last event is an OutOfMemory, and the
    process must be killed: nothing less ends a thread deep in native code. It is a value, because
    raising it would end the attempt and leave the thread.
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
            exceeded = OutOfMemory(f"The job exceeded its memory limit of {memory_bytes} bytes.")
            yield exceeded
            threading.Event().wait(_KILL_WAIT_S)
            raise exceeded
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
