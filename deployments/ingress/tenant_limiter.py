"""A limit on each tenant's concurrent requests."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.core.errors import TooManyRequests


class TenantConcurrencyLimiter:
    """Counts each tenant's requests in flight in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()

    @contextmanager
    def acquire(self, tenant_id: str) -> Iterator[None]:
        """Hold one of the tenant's slots. Raises TooManyRequests when all are in use."""
        if self._in_flight[tenant_id] >= self._limit:
            raise TooManyRequests(
                f"This tenant has {self._limit} requests in progress, which is its limit; "
                "try again when one has finished.",
                retry_after_s=1,
            )
        self._in_flight[tenant_id] += 1
        try:
            yield
        finally:
            self._in_flight[tenant_id] -= 1
            if not self._in_flight[tenant_id]:
                del self._in_flight[tenant_id]
