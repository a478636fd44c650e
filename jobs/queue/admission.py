"""Backpressure: what is over the queue's bounds is refused before any of it is accepted."""

import time
from collections.abc import Callable

from jobs.queue.queue import JobQueue
from sidecar.core.errors import Overloaded, TooManyRequests
from sidecar.core.settings import Settings

#: Seconds that a count may be old. Other processes' submissions of so long aren't seen.
COUNT_TTL_S = 1.0
#: Seconds after which a refused caller may try again.
RETRY_AFTER_S = 10


class AdmissionController:
    """How much waits, counted now and then, so that a submission costs no look at the queue."""

    def __init__(
        self,
        queue: JobQueue,
        *,
        most: int,
        most_of_tenant: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most so many jobs wait, and so many of one tenant; `clock` gives seconds."""
        self._queue = queue
        self._most = most
        self._most_of_tenant = most_of_tenant
        self._clock = clock
        self._waiting: dict[str, int] = {}
        self._total = 0
        self._fresh_until = -float("inf")

    @classmethod
    def configured(cls, queue: JobQueue, settings: Settings) -> "AdmissionController":
        """With the service's settings and the real clock."""
        return cls(
            queue, most=settings.queue.capacity, most_of_tenant=settings.queue.tenant_capacity
        )

    async def reserve(self, tenant_id: str) -> None:
        """Makes room for one more job of the tenant.

        Raises Overloaded when the queue is full, TooManyRequests when the tenant's share of it is,
        and DatabaseUnavailable.
        """
        if self._clock() >= self._fresh_until:
            self._fresh_until = self._clock() + COUNT_TTL_S
            try:
                self._waiting = dict(await self._queue.waiting())
            except BaseException:
                self._fresh_until = -float("inf")
                raise
            self._total = sum(self._waiting.values())
        if self._total >= self._most:
            raise Overloaded("The queue is full; try again later.", retry_after_s=RETRY_AFTER_S)
        waiting = self._waiting.get(tenant_id, 0)
        if waiting >= self._most_of_tenant:
            raise TooManyRequests(
                f"{waiting} jobs of this tenant wait already; try again when some are done.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._waiting[tenant_id] = waiting + 1
        self._total += 1
