"""Notification of the workers about queued jobs, so that they need not poll often."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sidecar.core.errors import ServiceError


class RunnerNotifier:
    """Notifies workers in other processes; for one event loop.

    A lost notification costs only time: workers also poll the queue.
    """

    def __init__(self, send: Callable[[], Awaitable[object]]) -> None:
        """`send` reaches the workers; it may raise ServiceError when there are none."""
        self._send = send
        self._pending = False
        self._sending: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Schedule a notification and return; calls during a send are one more notification."""
        self._pending = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_pending())

    async def _send_pending(self) -> None:
        while self._pending:
            self._pending = False
            with suppress(ServiceError):  # no worker answers; the next one polls
                await self._send()
