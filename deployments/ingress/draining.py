"""Whether an ingress takes requests, and how many it has under way."""

from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.core.errors import Overloaded


class DrainGate:
    """Open until it is shut for good, before the service stops."""

    def __init__(self) -> None:
        self._shut = False
        self._inside = 0

    def begin_drain(self) -> int:
        """Lets nobody in any more; how many are still inside."""
        self._shut = True
        return self._inside

    @contextmanager
    def track(self) -> Iterator[None]:
        """While a request is under way. Raises Overloaded when the door is shut."""
        if self._shut:
            raise Overloaded("The service is being stopped.", retry_after_s=5)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
