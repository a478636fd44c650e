"""Work that ends when its caller leaves, when it is called off by id, or when its time is up."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from sidecar.core.errors import Conflict, DeadlineExceeded

T = TypeVar("T")


class _End:
    """What follows the last piece."""


_END: Final = _End()


class CancellableStreams:
    """The streams of one replica, by id.

    Each stream has a task of its own, so that it can be ended from outside whatever became of the
    call that asked for it: not every transport tells the callee that its caller left.
    """

    def __init__(self, *, time_limit_s: float) -> None:
        self._time_limit_s = time_limit_s
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def cancel(self, generation_id: str) -> bool:
        """Ends the stream; False when there is none of that id."""
        task = self._tasks.get(generation_id)
        return task is not None and _end(task)

    async def stream(
        self, generation_id: str, source: AsyncGenerator[T, None]
    ) -> AsyncGenerator[T, None]:
        """The pieces of `source`, which is closed in any case.

        Raises Conflict when it was cancelled, DeadlineExceeded after the time limit, and whatever
        the source raises.
        """
        pieces: asyncio.Queue[T | _End] = asyncio.Queue()
        task = asyncio.create_task(self._pump(source, pieces), name=generation_id)
        task.add_done_callback(lambda _: pieces.put_nowait(_END))
        self._tasks[generation_id] = task
        try:
            while not isinstance(piece := await pieces.get(), _End):
                yield piece
            if task.cancelled():
                raise Conflict("The answer was called off.")
            task.result()
        finally:
            del self._tasks[generation_id]
            _end(task)
            await asyncio.wait({task})  # cut short, it doesn't cancel the task as gather would
            if not task.cancelled():
                task.exception()  # said above, or of no use to a caller that left

    async def _pump(
        self, source: AsyncGenerator[T, None], pieces: "asyncio.Queue[T | _End]"
    ) -> None:
        try:
            async with asyncio.timeout(self._time_limit_s), aclosing(source):
                async for piece in source:
                    pieces.put_nowait(piece)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"The answer ran out of its time limit of {self._time_limit_s:g} s; "
                "ask for fewer tokens or stream."
            ) from error


def _end(task: asyncio.Task[None]) -> bool:
    """Cancels the task once: a second time would cut short how the source ends its work. False when
    it has ended.
    """
    return not task.done() and (task.cancelling() > 0 or task.cancel())
