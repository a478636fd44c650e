"""Admission control: a job over the queue's capacity is refused before it is accepted."""

import time
from collections.abc import Callable

from jobs.queue.queue import JobQueue
from sidecar.core.errors import Overloaded, TooManyRequests
from sidecar.core.settings import Settings

#: Seconds for which a count is cached. Submissions through other processes aren't seen until then.
COUNT_TTL_S = 1.0
#: Seconds after which a refused caller may try again.
RETRY_AFTER_S = 10


class AdmissionController:
    """Limits the queued jobs with a cached count, so that a submission costs no extra query."""

    def __init__(
        self,
        queue: JobQueue,
        *,
        capacity: int,
        tenant_capacity: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Both capacities are in queued jobs; `clock` returns seconds."""
        self._queue = queue
        self._capacity = capacity
        self._tenant_capacity = tenant_capacity
        self._clock = clock
        self._queued: dict[str, int] = {}
        self._total = 0
        self._fresh_until = -float("inf")

    @classmethod
    def configured(cls, queue: JobQueue, settings: Settings) -> "AdmissionController":
        """Return a controller with the service's settings."""
        return cls(
            queue,
            capacity=settings.queue.capacity,
            tenant_capacity=settings.queue.tenant_capacity,
        )

    async def reserve(self, tenant_id: str) -> None:
        """Reserve room for one more job of the tenant.

        Raises Overloaded when the queue is full, TooManyRequests when the tenant's share of it is,
        and DatabaseUnavailable.
        """
        if self._clock() >= self._fresh_until:
            self._fresh_until = self._clock() + COUNT_TTL_S
            try:
                self._queued = dict(await self._queue.queued_by_tenant())
            except BaseException:
                self._fresh_until = -float("inf")
                raise
            self._total = sum(self._queued.values())
        if self._total >= self._capacity:
            raise Overloaded("The queue is full; try again later.", retry_after_s=RETRY_AFTER_S)
        queued = self._queued.get(tenant_id, 0)
        if queued >= self._tenant_capacity:
            raise TooManyRequests(
                f"{queued} jobs of this tenant are queued already; try again when some are done.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._queued[tenant_id] = queued + 1
        self._total += 1
