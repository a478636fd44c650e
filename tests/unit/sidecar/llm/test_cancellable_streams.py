"""Streams end when they are cancelled, when their caller leaves, or after a timeout."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from sidecar.core.errors import BadRequest, Conflict, DeadlineExceeded
from sidecar.llm.cancellable_streams import CancellableStreams


class Source:
    """Yields 0, 1, 2 … up to `stop`, and then ends, raises or blocks."""

    def __init__(self, stop: int, *, ends: bool = True, error: Exception | None = None) -> None:
        self.closed = asyncio.Event()
        self._stop, self._ends, self._error = stop, ends, error

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(self._stop):
                yield number
            if self._error is not None:
                raise self._error
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


async def read(stream: AsyncIterator[int], into: list[int]) -> None:
    async for number in stream:
        into.append(number)  # noqa: PERF401 - the items before an error count


async def test_items_arrive_in_order() -> None:
    streams = CancellableStreams(timeout_s=10)
    assert [n async for n in streams.stream("a", Source(5).items())] == [0, 1, 2, 3, 4]
    assert len(streams) == 0


async def test_cancelling_a_stream_closes_its_source() -> None:
    streams = CancellableStreams(timeout_s=10)
    source = Source(2, ends=False)
    received: list[int] = []
    reader = asyncio.create_task(read(streams.stream("a", source.items()), received))
    while len(received) < 2:
        await asyncio.sleep(0)
    assert streams.cancel("a")
    with pytest.raises(Conflict):
        await reader
    assert received == [0, 1]
    assert source.closed.is_set()
    assert not streams.cancel("a")


async def test_a_caller_that_leaves_closes_the_source() -> None:
    streams = CancellableStreams(timeout_s=10)
    source = Source(2, ends=False)
    stream = streams.stream("a", source.items())
    assert await anext(stream) == 0
    await stream.aclose()
    assert source.closed.is_set()
    assert len(streams) == 0


async def test_a_source_finishes_its_cleanup_although_cancelled_repeatedly() -> None:
    streams = CancellableStreams(timeout_s=10)
    cleaning_up, may_finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def items() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:  # as an engine aborts its request
            cleaning_up.set()
            await may_finish.wait()
            finished.set()

    received: list[int] = []
    reader = asyncio.create_task(read(streams.stream("a", items()), received))
    while not received:
        await asyncio.sleep(0)
    assert streams.cancel("a")
    await cleaning_up.wait()
    assert streams.cancel("a")
    reader.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
        reader.cancel()
    may_finish.set()
    await asyncio.wait_for(finished.wait(), 5)


async def test_the_timeout_closes_the_source() -> None:
    streams = CancellableStreams(timeout_s=0.01)
    source = Source(1, ends=False)
    with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):
        assert [n async for n in streams.stream("a", source.items())] == [0]
    assert source.closed.is_set()


async def test_the_sources_error_follows_its_items() -> None:
    streams = CancellableStreams(timeout_s=10)
    received: list[int] = []
    with pytest.raises(BadRequest, match="no"):
        await read(streams.stream("a", Source(2, error=BadRequest("no")).items()), received)
    assert received == [0, 1]


async def answers_its_cancellation() -> AsyncGenerator[int, None]:
    """Turn the cancellation into an error, as vLLM does."""
    yield 0
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise BadRequest("Client disconnected") from None


async def ends_at_its_cancellation() -> AsyncGenerator[int, None]:
    yield 0
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


@pytest.mark.parametrize("source", [answers_its_cancellation, ends_at_its_cancellation])
async def test_a_timeout_is_one_whatever_the_source_makes_of_its_cancellation(
    source: Callable[[], AsyncGenerator[int, None]],
) -> None:
    streams = CancellableStreams(timeout_s=0.01)
    with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):
        await read(streams.stream("a", source()), [])


@pytest.mark.parametrize("source", [answers_its_cancellation, ends_at_its_cancellation])
async def test_a_cancellation_is_one_whatever_the_source_makes_of_it(
    source: Callable[[], AsyncGenerator[int, None]],
) -> None:
    streams = CancellableStreams(timeout_s=10)
    received: list[int] = []
    reader = asyncio.create_task(read(streams.stream("a", source()), received))
    while not received:
        await asyncio.sleep(0)
    assert streams.cancel("a")
    with pytest.raises(Conflict):
        await reader
