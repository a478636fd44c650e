"""The bell: the runner hears of the last ring, and of many as of one."""

import asyncio

from jobs.queue.notifier import RunnerNotifier
from sidecar.core.errors import ModelUnavailable


async def test_rings_while_the_runner_is_told_are_one_more() -> None:
    told = 0
    heard = asyncio.Event()

    async def tell() -> None:
        nonlocal told
        told += 1
        await heard.wait()

    notifier = RunnerNotifier(tell)
    notifier.notify()
    await asyncio.sleep(0)
    for _ in range(5):
        notifier.notify()
    assert told == 1
    heard.set()
    async with asyncio.timeout(5):
        while told < 2:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert told == 2


async def test_it_rings_again_after_a_runner_that_was_away() -> None:
    told = 0

    async def tell() -> None:
        nonlocal told
        told += 1
        if told == 1:
            raise ModelUnavailable("away")

    notifier = RunnerNotifier(tell)
    notifier.notify()
    async with asyncio.timeout(5):
        while told < 2:
            notifier.notify()
            await asyncio.sleep(0)
