"""What something said lately: for questions that cost more than an answer changes in a moment."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The answer of `ask`, asked again when it is older than `for_s` seconds, by one thread at a
    time. What `ask` raises is raised, and not remembered.
    """

    def __init__(
        self, ask: Callable[[], T], for_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Asks nothing yet."""
        self._ask = ask
        self._for_s = for_s
        self._clock = clock
        self._asking = threading.Lock()
        self._told: tuple[float, T] | None = None

    def __call__(self) -> T:
        with self._asking:
            if self._told is None or self._clock() > self._told[0] + self._for_s:
                self._told = self._clock(), self._ask()
            return self._told[1]
