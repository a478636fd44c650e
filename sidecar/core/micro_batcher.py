"""Collects concurrent calls into batches."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
#: Of the maximum of a batch, for an item that is small.
_SMALL_SHARE: Final = 1 / 8


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[ItemT, ResultT]):
    item: ItemT
    size: int
    result: asyncio.Future[ResultT]
    context: Context


class MicroBatcher(Generic[ItemT, ResultT]):
    """Sends all items that arrive while a call is in flight together in the next call.

    A lone item is sent at once, and many items cost little more than one. For one event loop.

    At most one call of small items is in flight, and beside it one of large items. With a second
    call of its kind, a call would carry only the first item that arrived, and batches would never
    grow; but a small item need not wait for large ones.
    """

    def __init__(
        self,
        call: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        *,
        size_of: Callable[[ItemT], int] = lambda _: 1,
        max_batch_size: float = math.inf,
    ) -> None:
        """Create a batcher in front of `call`, which returns one result per item, in order.

        The sizes of a batch's items add up to at most `max_batch_size`; a larger item is a batch
        of its own. A batch has the item that has waited for the longest time, and then the smallest
        ones, so none waits for ever. The items of callers that have gone are left out.
        """
        self._size_of = size_of
        self._max_small_size = _SMALL_SHARE * max_batch_size
        self._small = _Lane(call, max_batch_size)
        self._large = _Lane(call, max_batch_size)

    async def submit(self, item: ItemT) -> ResultT:
        """Return the item's result, from a call that starts after this one.

        Raises:
            Exception: whatever the call raises; every item of its batch gets it.
        """
        result: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        size = self._size_of(item)
        lane = self._small if size <= self._max_small_size else self._large
        lane.add(_Entry(item, size, result, copy_context()))
        return await result


class _Lane(Generic[ItemT, ResultT]):
    """Items that wait, and the call in flight."""

    def __init__(
        self,
        call: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        max_batch_size: float,
    ) -> None:
        self._call = call
        self._max_batch_size = max_batch_size
        self._queue: list[_Entry[ItemT, ResultT]] = []
        self._in_flight: asyncio.Task[None] | None = None

    def add(self, entry: _Entry[ItemT, ResultT]) -> None:
        self._queue.append(entry)
        if self._in_flight is None:
            self._start_batch()

    def _start_batch(self) -> None:
        oldest, *others = self._queue
        batch, room = [oldest], self._max_batch_size - oldest.size
        for entry in sorted(others, key=lambda entry: entry.size):
            if (room := room - entry.size) < 0:
                break
            batch.append(entry)
        chosen = set(batch)
        self._queue = [entry for entry in others if entry not in chosen]
        # A caller's context holds its trace and its cancellation, which other callers don't share.
        context = oldest.context if len(batch) == 1 else Context()
        self._in_flight = asyncio.get_running_loop().create_task(
            self._run_batch(batch), context=context
        )
        self._in_flight.add_done_callback(self._on_batch_done)

    def _on_batch_done(self, _: asyncio.Task[None]) -> None:
        self._in_flight = None
        self._queue = [entry for entry in self._queue if not entry.result.done()]
        if self._queue:
            self._start_batch()

    async def _run_batch(self, batch: Sequence[_Entry[ItemT, ResultT]]) -> None:
        try:
            values = await self._call([entry.item for entry in batch])
        except asyncio.CancelledError:
            for entry in batch:
                entry.result.cancel()
            raise
        except Exception as error:
            for entry in batch:
                if not entry.result.done():  # otherwise its caller was cancelled
                    entry.result.set_exception(error)
        else:
            for entry, value in zip(batch, values, strict=True):
                if not entry.result.done():
                    entry.result.set_result(value)
