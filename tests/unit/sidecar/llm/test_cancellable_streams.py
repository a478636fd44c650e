"""Streams that end when they are called off, left, or out of time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from sidecar.core.errors import BadRequest, Conflict, DeadlineExceeded
from sidecar.llm.cancellable_streams import CancellableStreams


class Source:
    """Gives 0, 1, 2 … up to `stop`, and then nothing more, for ever or with an end."""

    def __init__(self, stop: int, *, ends: bool = True, error: Exception | None = None) -> None:
        self.closed = asyncio.Event()
        self._stop, self._ends, self._error = stop, ends, error

    async def pieces(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(self._stop):
                yield number
            if self._error is not None:
                raise self._error
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


async def hear(stream: AsyncIterator[int], into: list[int]) -> None:
    async for number in stream:
        into.append(number)  # noqa: PERF401 - what was heard before an error counts


async def test_every_piece_comes_in_order() -> None:
    streams = CancellableStreams(time_limit_s=10)
    assert [n async for n in streams.stream("a", Source(5).pieces())] == [0, 1, 2, 3, 4]
    assert len(streams) == 0


async def test_a_stream_that_is_called_off_ends_with_its_source() -> None:
    streams = CancellableStreams(time_limit_s=10)
    source = Source(2, ends=False)
    heard: list[int] = []
    listener = asyncio.create_task(hear(streams.stream("a", source.pieces()), heard))
    while len(heard) < 2:
        await asyncio.sleep(0)
    assert streams.cancel("a")
    with pytest.raises(Conflict):
        await listener
    assert heard == [0, 1]
    assert source.closed.is_set()
    assert not streams.cancel("a")


async def test_a_caller_that_leaves_ends_the_source() -> None:
    streams = CancellableStreams(time_limit_s=10)
    source = Source(2, ends=False)
    stream = streams.stream("a", source.pieces())
    assert await anext(stream) == 0
    await stream.aclose()
    assert source.closed.is_set()
    assert len(streams) == 0


async def test_a_source_is_let_end_its_work_though_it_is_called_off_and_left_at_once() -> None:
    streams = CancellableStreams(time_limit_s=10)
    ending, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:  # as an engine that must still be told
            ending.set()
            await may_end.wait()
            ended.set()

    heard: list[int] = []
    listener = asyncio.create_task(hear(streams.stream("a", pieces()), heard))
    while not heard:
        await asyncio.sleep(0)
    assert streams.cancel("a")
    await ending.wait()
    assert streams.cancel("a")
    listener.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
        listener.cancel()
    may_end.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_the_time_limit_ends_the_source() -> None:
    streams = CancellableStreams(time_limit_s=0.01)
    source = Source(1, ends=False)
    with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):
        assert [n async for n in streams.stream("a", source.pieces())] == [0]
    assert source.closed.is_set()


async def test_what_the_source_raises_follows_its_pieces() -> None:
    streams = CancellableStreams(time_limit_s=10)
    heard: list[int] = []
    with pytest.raises(BadRequest, match="no"):
        await hear(streams.stream("a", Source(2, error=BadRequest("no")).pieces()), heard)
    assert heard == [0, 1]
