"""A single-value cache that serves its stale value while refreshing it (RFC 5861)."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sidecar.core.errors import ServiceError

log = logging.getLogger(__name__)

T = TypeVar("T")


class StaleWhileRevalidate(Generic[T]):
    """Caches the result of `fetch` and refreshes it in the background after `period_s`.

    A value older than three periods is too stale to serve, so `get` waits for the refresh.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._period_s = period_s
        self._clock = clock
        self._value: T | None = None
        self._fetched_at = self._refreshed_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def get(self, *, timeout_s: float) -> T | None:
        """Return the value, waiting up to `timeout_s` if there is none or it is too stale.

        Returns None when no value has been fetched yet, or the last fetch failed.
        """
        now = self._clock()
        is_idle = self._refreshing is None or self._refreshing.done()
        if is_idle and now - self._refreshed_at >= self._period_s:
            self._refreshed_at = now
            self._refreshing = asyncio.create_task(self._refresh())
        is_too_stale = now - self._fetched_at >= 3 * self._period_s
        if (self._value is None or is_too_stale) and self._refreshing is not None:
            await asyncio.wait({self._refreshing}, timeout=timeout_s)
        return self._value

    async def _refresh(self) -> None:
        try:
            self._value = await self._fetch()
            self._fetched_at = self._clock()
        except ServiceError as error:
            self._value = None
            log.info("dashboard value unavailable", extra={"code": error.code})
