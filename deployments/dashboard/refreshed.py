"""A fact that takes its time: shown as it was last known while it is looked up anew."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sidecar.core.errors import ServiceError

log = logging.getLogger(__name__)

T = TypeVar("T")


class StaleWhileRevalidate(Generic[T]):
    """The last answer of `fetch`, asked again in the background once it is `period_s` old; waited
    for once nobody has looked for three times as long.
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
        self._known: T | None = None
        self._known_at = self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def get(self, *, timeout_s: float) -> T | None:
        """What is known; waits at most `timeout_s` when nothing is, or nothing of late. None: not
        known so far, or whoever knows doesn't answer.
        """
        idle = self._asking is None or self._asking.done()
        if idle and self._clock() - self._asked_at >= self._period_s:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._ask())
        late = self._clock() - self._known_at >= 3 * self._period_s
        if (self._known is None or late) and self._asking is not None:
            await asyncio.wait({self._asking}, timeout=timeout_s)
        return self._known

    async def _ask(self) -> None:
        try:
            self._known = await self._fetch()
            self._known_at = self._clock()
        except ServiceError as error:
            self._known = None
            log.info("a fact for the dashboard is missing", extra={"code": error.code})
