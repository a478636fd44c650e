"""Telling the runners that a job waits, so that they need not keep looking."""

import asyncio
from collections.abc import Awaitable, Callable

from sidecar.core.errors import ServiceError


class RunnerNotifier:
    """Rings at runners that may be elsewhere; for one event loop.

    A ring that is lost costs nothing but time: runners look by themselves now and then.
    """

    def __init__(self, tell: Callable[[], Awaitable[object]]) -> None:
        """`tell` reaches them; it may raise ServiceError when there is none."""
        self._tell = tell
        self._rung = False
        self._telling: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Returns at once. However often it rings while they are being told, they are told once
        more.
        """
        self._rung = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._keep_telling())

    async def _keep_telling(self) -> None:
        while self._rung:
            self._rung = False
            try:
                await self._tell()
            except ServiceError:
                return
