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


async def test_a_notification_during_a_send_that_fails_is_sent() -> None:
    sent = 0
    unblock = asyncio.Event()

    async def send() -> None:
        nonlocal sent
        sent += 1
        if sent == 1:
            await unblock.wait()
            raise ModelUnavailable("away")

    notifier = RunnerNotifier(send)
    notifier.notify()
    await asyncio.sleep(0)
    notifier.notify()
    unblock.set()
    async with asyncio.timeout(5):
        while sent < 2:
            await asyncio.sleep(0)
