"""How much of the service one tenant may hold at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.core.errors import TooManyRequests


class TenantConcurrencyLimiter:
    """Counts what each tenant has under way in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()

    @contextmanager
    def acquire(self, tenant_id: str) -> Iterator[None]:
        """One place of the tenant's. Raises TooManyRequests when it has no more."""
        if self._held[tenant_id] >= self._limit:
            raise TooManyRequests(
                f"This tenant has {self._limit} requests under way, which is its share; "
                "try again when one has ended.",
                retry_after_s=1,
            )
        self._held[tenant_id] += 1
        try:
            yield
        finally:
            self._held[tenant_id] -= 1
            if not self._held[tenant_id]:
                del self._held[tenant_id]
