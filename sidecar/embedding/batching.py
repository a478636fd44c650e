"""Batches of texts: by length, in chunks of one request, and across calls."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np

from sidecar.embedding.cache import Embed, Vectors

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
#: Calls of one request in flight at once: one in the model, one queued behind it.
_CONCURRENT_CALLS: Final = 2
#: Characters that models read of a text, about: 512 tokens.
_READ_CHARACTERS: Final = 2_000
#: What a text costs apart from its characters, in characters.
_TEXT_COST: Final = 30


def reading_cost(texts: Sequence[str]) -> int:
    """Return what a model has to read of the texts, in characters, about."""
    return sum(_TEXT_COST + min(len(text), _READ_CHARACTERS) for text in texts)


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield positions in ascending order of length, cut so that rows x longest is <= `budget`.

    A single text over the budget is a batch of its own.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


async def embed_chunked(
    texts: Sequence[str], embed: Embed, size: int, *, max_cost: int | None = None
) -> Vectors:
    """Embed `texts` (at least one) in calls of at most `size`, so other requests can interleave.

    With `max_cost`, calls of several texts cost at most that (`reading_cost`). Raises the first
    error of a call and cancels the others.
    """
    costs = None if max_cost is None else [reading_cost([text]) for text in texts]
    return np.concatenate(
        await call_in_chunks(texts, embed, size, costs=costs, max_cost=max_cost or 0)
    )


async def call_in_chunks(
    items: Sequence[ItemT],
    call: Callable[[Sequence[ItemT]], Awaitable[ResultT]],
    size: int,
    *,
    costs: Sequence[int] | None = None,
    max_cost: int = 0,
) -> Sequence[ResultT]:
    """Call with at most `size` of the items (at least one) at a time; return the results in order.

    Given their `costs`, several items cost at most `max_cost` together. Raises the first error of a
    call and cancels the others.
    """
    bounds = list(pairwise(_cuts(len(items), size, costs, max_cost)))
    if len(bounds) == 1:
        return [await call(items)]
    slots = asyncio.Semaphore(_CONCURRENT_CALLS)

    async def call_one(start: int, end: int) -> ResultT:
        async with slots:
            return await call(items[start:end])

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call_one(start, end)) for start, end in bounds]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _cuts(count: int, size: int, costs: Sequence[int] | None, max_cost: int) -> Iterator[int]:
    """Yield where each call begins, and the end of the last."""
    yield 0
    start, cost = 0, 0
    for position in range(count):
        own = costs[position] if costs is not None else 0
        cost += own
        if position > start and (position - start == size or cost > max_cost):
            yield position
            start, cost = position, own
    yield count


async def embed_concatenated(calls: Sequence[Sequence[str]], embed: Embed) -> Sequence[Vectors]:
    """Return the vectors of each call's texts, from one call to `embed`."""
    vectors = await embed([text for texts in calls for text in texts])
    return np.split(vectors, np.cumsum([len(texts) for texts in calls])[:-1])
