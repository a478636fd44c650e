"""Work on large requests, off the event loop."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

#: Bytes that are parsed, validated or written in the event loop: some milliseconds.
LARGE_BODY: Final = 64 * 1024
#: Bytes of recipes that are: their lines may be texts, which are parsed in 10 µs a byte.
LARGE_RECIPES: Final = 4 * 1024

#: More threads would only take the GIL from the event loop more often.
_threads: Final = ThreadPoolExecutor(2, thread_name_prefix="bodies")

T = TypeVar("T")


async def off_loop(
    size: int, function: Callable[..., T], *arguments: object, large: int = LARGE_BODY
) -> T:
    """Call the function, in a thread if it handles more than `large` bytes; `size` is how many."""
    if size <= large:
        return function(*arguments)

    def call() -> T:
        with _collector.paused():
            return function(*arguments)

    return await asyncio.get_running_loop().run_in_executor(_threads, call)


class _Collector:
    """Python's garbage collector, paused while a thread makes objects by the million.

    It would visit each of them in one go of up to half a second, in which nothing else runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            self._pauses += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if not self._pauses:
                    # Moves what is new to the oldest generation, which is visited least often.
                    gc.freeze()
                    gc.unfreeze()
                    gc.enable()


_collector: Final = _Collector()
