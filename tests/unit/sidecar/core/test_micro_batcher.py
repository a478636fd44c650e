"""Concurrent calls are collected into batches."""

import asyncio
from collections.abc import Sequence

import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.core.micro_batcher import MicroBatcher


class Doubler:
    """Doubles numbers, one batch at a time, once `go` is set."""

    def __init__(self) -> None:
        self.calls: list[Sequence[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.calls.append(numbers)
        await self.go.wait()
        if 13 in numbers:
            raise ModelUnavailable("not that one")
        return [2 * number for number in numbers]


async def submitted(*tasks: asyncio.Task[int]) -> None:
    """Let each task submit its item."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def submit_all(batcher: MicroBatcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.submit(number)) for number in numbers]


async def results_of(
    batcher: MicroBatcher[int, int], doubler: Doubler, *arrivals: Sequence[int]
) -> list[int]:
    """Submit each group of numbers while the first call waits; return the results, in order."""
    tasks: list[asyncio.Task[int]] = []
    for numbers in arrivals:
        tasks += submit_all(batcher, *numbers)
        await submitted(*tasks)
    doubler.go.set()
    return await asyncio.gather(*tasks)


async def test_items_that_arrive_during_a_call_share_the_next_call() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler)
    assert await results_of(batcher, doubler, [1], [2, 3]) == [2, 4, 6]
    assert doubler.calls == [[1], [2, 3]]


async def test_a_cancelled_caller_does_not_cancel_its_batch() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler)
    first = submit_all(batcher, 1)
    await submitted(*first)
    cancelled, remaining = submit_all(batcher, 2, 3)
    await submitted(cancelled, remaining)
    cancelled.cancel()
    doubler.go.set()
    assert await remaining == 6
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_a_failed_call_fails_its_whole_batch_and_the_next_call_runs() -> None:
    doubler = Doubler()
    doubler.go.set()
    batcher = MicroBatcher(doubler)
    first, *batch = submit_all(batcher, 1, 12, 13)
    assert await first == 2
    for task in batch:
        with pytest.raises(ModelUnavailable):
            await task
    assert await batcher.submit(5) == 10


async def test_a_batch_has_at_most_the_maximum_size_or_a_single_item() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler, size_of=lambda number: number, max_batch_size=10)
    results = await results_of(batcher, doubler, [3], [4, 6, 2, 30, 5])
    assert results == [6, 8, 12, 4, 60, 10]
    assert doubler.calls == [[3], [4, 2], [6], [30], [5]]


async def test_small_items_wait_for_no_large_ones_nor_these_for_them() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler, size_of=lambda number: number, max_batch_size=10)
    await results_of(batcher, doubler, [9], [8, 1, 1, 1])
    assert doubler.calls[:2] == [[9], [1]], "side by side"
    assert sorted(doubler.calls[2:]) == [[1, 1], [8]]


async def test_the_oldest_item_waits_for_one_batch_however_many_smaller_ones_come() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler, size_of=lambda number: number, max_batch_size=24)
    await results_of(batcher, doubler, [3], [3, *[1] * 30])
    assert doubler.calls == [[3], [3, *[1] * 21], [1] * 9]


async def test_an_item_whose_caller_has_gone_is_not_computed() -> None:
    doubler = Doubler()
    batcher = MicroBatcher(doubler)
    first = submit_all(batcher, 1)
    await submitted(*first)
    gone, there = submit_all(batcher, 2, 3)
    await submitted(gone, there)
    gone.cancel()
    doubler.go.set()
    await asyncio.gather(*first, there)
    assert doubler.calls == [[1], [3]]
