"""Facts that take their time, for a page that can't wait."""

import asyncio

from deployments.dashboard.refreshed import StaleWhileRevalidate
from sidecar.core.errors import ModelUnavailable


class Fact:
    """A number that counts how often it was looked up; `held` until it may answer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lookups = 0
        self.fails = False
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self) -> int:
        self.lookups += 1
        await self.free.wait()
        if self.fails:
            raise ModelUnavailable
        return self.lookups

    def refreshed(self) -> StaleWhileRevalidate[int]:
        return StaleWhileRevalidate(self, period_s=2, clock=lambda: self.now)


async def test_it_is_looked_up_once_a_period() -> None:
    fact = Fact()
    known = fact.refreshed()
    assert [await known.get(timeout_s=5) for _ in range(3)] == [1, 1, 1]
    assert fact.lookups == 1


async def test_what_was_known_a_moment_ago_is_shown_while_it_is_looked_up_anew() -> None:
    fact = Fact()
    known = fact.refreshed()
    await known.get(timeout_s=5)
    fact.free.clear()
    fact.now = 3
    assert await known.get(timeout_s=5) == 1
    fact.free.set()


async def test_what_was_known_long_ago_is_waited_for() -> None:
    fact = Fact()
    known = fact.refreshed()
    await known.get(timeout_s=5)
    fact.now = 100
    assert await known.get(timeout_s=5) == 2


async def test_patience_ends() -> None:
    fact = Fact()
    fact.free.clear()
    assert await fact.refreshed().get(timeout_s=0.01) is None
    fact.free.set()


async def test_what_nobody_tells_is_not_known() -> None:
    fact = Fact()
    fact.fails = True
    assert await fact.refreshed().get(timeout_s=5) is None
