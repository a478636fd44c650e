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


@dataclass(frozen=True, slots=True)
class _Entry(Generic[ItemT, ResultT]):
    item: ItemT
    size: int
    result: asyncio.Future[ResultT]
    context: Context


class MicroBatcher(Generic[ItemT, ResultT]):
    """Sends all items that arrive while a call is in flight together in the next call.

    A lone item is sent at once, and many items cost little more than one. For one event loop.

    At most one call is in flight. A second concurrent call would carry only the first item that
    arrived, so batches would never grow.
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
        of its own. Batches that begin with the oldest item take turns with batches of small items
        alone: no item waits for ever, and a small one for one batch of large ones at most, whatever
        came before it. The items of callers that have gone are left out.
        """
        self._call = call
        self._size_of = size_of
        self._max_batch_size = max_batch_size
        self._queue: list[_Entry[ItemT, ResultT]] = []
        self._is_turn_of_small = False
        self._in_flight: asyncio.Task[None] | None = None

    async def submit(self, item: ItemT) -> ResultT:
        """Return the item's result, from a call that starts after this one.

        Raises:
            Exception: whatever the call raises; every item of its batch gets it.
        """
        result: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._queue.append(_Entry(item, self._size_of(item), result, copy_context()))
        if self._in_flight is None:
            self._start_batch()
        return await result

    def _start_batch(self) -> None:
        chosen = self._choose([entry.size for entry in self._queue])
        batch = [entry for position, entry in enumerate(self._queue) if position in chosen]
        self._queue = [
            entry for position, entry in enumerate(self._queue) if position not in chosen
        ]
        # A caller's context holds its trace and its cancellation, which other callers don't share.
        context = batch[0].context if len(batch) == 1 else Context()
        self._in_flight = asyncio.get_running_loop().create_task(
            self._run_batch(batch), context=context
        )
        self._in_flight.add_done_callback(self._on_batch_done)

    def _choose(self, sizes: Sequence[int]) -> set[int]:
        """Return the positions of the next batch's items, at least one."""
        small = [n for n, size in enumerate(sizes) if size <= _SMALL_SHARE * self._max_batch_size]
        is_of_small = self._is_turn_of_small and bool(small)
        self._is_turn_of_small = not is_of_small
        order = small if is_of_small else [0, *sorted(range(1, len(sizes)), key=sizes.__getitem__)]
        chosen, room = {order[0]}, self._max_batch_size - sizes[order[0]]
        for position in order[1:]:
            if (room := room - sizes[position]) < 0:
                break
            chosen.add(position)
        return chosen

    def _on_batch_done(self, _: asyncio.Task[None]) -> None:
        self._in_flight = None
        self._queue = [entry for entry in self._queue if not entry.result.done()]
        if self._queue:
            self._start_batch()

    async def _run_batch(self, batch: Sequence["_Entry[ItemT, ResultT]"]) -> None:
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
