"""Streams that end when their caller leaves, when they are cancelled by id, or after a timeout."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from sidecar.core.errors import Conflict, DeadlineExceeded

T = TypeVar("T")


class _End:
    """Marks the end of a stream."""


_END: Final = _End()


class CancellableStreams:
    """The running streams of one replica, by id.

    Each stream has its own task, so that it can be cancelled independently of the call that reads
    it: not every transport notifies the callee when the caller leaves.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def cancel(self, generation_id: str) -> bool:
        """Cancel the stream of that id; return False when there is none."""
        task = self._tasks.get(generation_id)
        return task is not None and _cancel_once(task)

    async def stream(
        self, generation_id: str, source: AsyncGenerator[T, None]
    ) -> AsyncGenerator[T, None]:
        """Yield the items of `source`, and close it in any case.

        Raises Conflict when the stream is cancelled, DeadlineExceeded after the timeout, and
        whatever the source raises.
        """
        items: asyncio.Queue[T | _End] = asyncio.Queue()
        task = asyncio.create_task(self._forward(source, items), name=generation_id)
        task.add_done_callback(lambda _: items.put_nowait(_END))
        self._tasks[generation_id] = task
        try:
            while not isinstance(item := await items.get(), _End):
                yield item
            if task.cancelled() or task.cancelling():
                raise Conflict("The generation was cancelled.")
            task.result()
        finally:
            del self._tasks[generation_id]
            _cancel_once(task)
            await asyncio.wait({task})  # unlike gather, doesn't cancel the task when cancelled
            if not task.cancelled():
                task.exception()  # raised above, or of no use to a caller that left

    async def _forward(
        self, source: AsyncGenerator[T, None], items: "asyncio.Queue[T | _End]"
    ) -> None:
        cause: Exception | None = None
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit, aclosing(source):
                async for item in source:
                    items.put_nowait(item)
        except Exception as error:  # a source may turn its cancellation into an error of its own
            if not limit.expired():
                raise
            cause = error
        if limit.expired():
            raise DeadlineExceeded(
                f"The completion exceeded its time limit of {self._timeout_s:g} s; "
                "request fewer tokens or stream."
            ) from cause


def _cancel_once(task: asyncio.Task[None]) -> bool:
    """Cancel the task unless that was done: twice would interrupt the source's cleanup.

    Returns False when the task has ended.
    """
    return not task.done() and (task.cancelling() > 0 or task.cancel())
