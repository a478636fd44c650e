"""The cache that serves a stale value while it refreshes it."""

import asyncio

from deployments.dashboard.stale_while_revalidate import StaleWhileRevalidate
from sidecar.core.errors import ModelUnavailable


class Source:
    """Returns the number of fetches so far, once `released`; `now` is the cache's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fetches = 0
        self.fails = False
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self) -> int:
        self.fetches += 1
        await self.released.wait()
        if self.fails:
            raise ModelUnavailable
        return self.fetches

    def cached(self) -> StaleWhileRevalidate[int]:
        return StaleWhileRevalidate(self, period_s=2, clock=lambda: self.now)


async def test_a_value_is_fetched_once_per_period() -> None:
    source = Source()
    cache = source.cached()
    assert [await cache.get(timeout_s=5) for _ in range(3)] == [1, 1, 1]
    assert source.fetches == 1


async def test_a_stale_value_is_served_while_it_is_refreshed() -> None:
    source = Source()
    cache = source.cached()
    await cache.get(timeout_s=5)
    source.released.clear()
    source.now = 3
    assert await cache.get(timeout_s=5) == 1
    source.released.set()


async def test_a_value_that_is_too_stale_is_waited_for() -> None:
    source = Source()
    cache = source.cached()
    await cache.get(timeout_s=5)
    source.now = 100
    assert await cache.get(timeout_s=5) == 2


async def test_waiting_ends_at_the_timeout() -> None:
    source = Source()
    source.released.clear()
    assert await source.cached().get(timeout_s=0.01) is None
    source.released.set()


async def test_a_failed_fetch_has_no_value() -> None:
    source = Source()
    source.fails = True
    assert await source.cached().get(timeout_s=5) is None
