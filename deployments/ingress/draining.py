"""The drain gate: refuses new requests before a stop, and counts those in flight."""

from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.core.errors import Overloaded


class DrainGate:
    """Accepts requests until `begin_drain`, which is final."""

    def __init__(self) -> None:
        self._draining = False
        self._in_flight = 0

    def begin_drain(self) -> int:
        """Refuse new requests from now on; return how many are still in flight."""
        self._draining = True
        return self._in_flight

    @contextmanager
    def track(self) -> Iterator[None]:
        """Count a request as in flight. Raises Overloaded while draining."""
        if self._draining:
            raise Overloaded("The service is shutting down.", retry_after_s=5)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
