"""Questions that come together are answered together."""

import asyncio
from collections.abc import Sequence

import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.core.micro_batcher import MicroBatcher


class Oracle:
    """Doubles numbers, a call at a time, when it is let to."""

    def __init__(self) -> None:
        self.calls: list[Sequence[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.calls.append(numbers)
        await self.go.wait()
        if 13 in numbers:
            raise ModelUnavailable("not that one")
        return [2 * number for number in numbers]


async def begun(*questions: asyncio.Task[int]) -> None:
    """Each of them has been asked."""
    await asyncio.sleep(0)
    assert not any(question.done() for question in questions)


def asking(oracle: MicroBatcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(oracle.submit(number)) for number in numbers]


async def test_what_is_asked_during_a_call_is_answered_by_the_next() -> None:
    oracle = Oracle()
    gathered = MicroBatcher(oracle)
    first = asking(gathered, 1)
    await begun(*first)
    later = asking(gathered, 2, 3)
    await begun(*later)
    oracle.go.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6]
    assert oracle.calls == [[1], [2, 3]]


async def test_whoever_leaves_takes_nobody_along() -> None:
    oracle = Oracle()
    gathered = MicroBatcher(oracle)
    alone = asking(gathered, 1)
    await begun(*alone)
    leaves, stays = asking(gathered, 2, 3)
    await begun(leaves, stays)
    leaves.cancel()
    oracle.go.set()
    assert await stays == 6
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_a_call_that_fails_fails_for_all_that_it_was_for_and_the_next_goes_on() -> None:
    oracle = Oracle()
    oracle.go.set()
    gathered = MicroBatcher(oracle)
    alone, *together = asking(gathered, 1, 12, 13)
    assert await alone == 2
    for question in together:
        with pytest.raises(ModelUnavailable):
            await question
    assert await gathered.submit(5) == 10


async def test_a_call_is_of_so_much_or_of_one_question() -> None:
    oracle = Oracle()
    gathered = MicroBatcher(oracle, size_of=lambda number: number, max_batch_size=10)
    first = asking(gathered, 1)
    await begun(*first)
    later = asking(gathered, 4, 6, 2, 30, 5)
    await begun(*later)
    oracle.go.set()
    assert await asyncio.gather(*first, *later) == [2, 8, 12, 4, 60, 10]
    assert oracle.calls == [[1], [4, 6], [2], [30], [5]]
