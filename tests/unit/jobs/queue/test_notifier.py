import asyncio

from jobs.queue.notifier import RunnerNotifier
from sidecar.core.errors import ModelUnavailable


async def test_notifications_during_a_send_are_sent_as_one() -> None:
    sent = 0
    unblock = asyncio.Event()

    async def send() -> None:
        nonlocal sent
        sent += 1
        await unblock.wait()

    notifier = RunnerNotifier(send)
    notifier.notify()
    await asyncio.sleep(0)
    for _ in range(5):
        notifier.notify()
    assert sent == 1
    unblock.set()
    async with asyncio.timeout(5):
        while sent < 2:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sent == 2


async def test_notifications_are_sent_again_after_an_error() -> None:
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        if sent == 1:
            raise ModelUnavailable("away")

    notifier = RunnerNotifier(send)
    notifier.notify()
    async with asyncio.timeout(5):
        while sent < 2:
            notifier.notify()
            await asyncio.sleep(0)
