"""Batches of texts: by length, in chunks of one request, and across calls."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from sidecar.embedding.cache import Embed, Vectors

#: Calls of one request in flight at once: one in the model, one queued behind it.
_CONCURRENT_CALLS: Final = 2


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


async def embed_chunked(texts: Sequence[str], embed: Embed, size: int) -> Vectors:
    """Embed `texts` (at least one) in calls of at most `size`, so other requests can interleave.

    Raises the first error of a call and cancels the others.
    """
    starts = range(0, len(texts), size)
    if len(starts) == 1:
        return await embed(texts)
    slots = asyncio.Semaphore(_CONCURRENT_CALLS)

    async def embed_chunk(start: int) -> Vectors:
        async with slots:
            return await embed(texts[start : start + size])

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(embed_chunk(start)) for start in starts]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return np.concatenate([task.result() for task in tasks])


async def embed_concatenated(calls: Sequence[Sequence[str]], embed: Embed) -> Sequence[Vectors]:
    """Return the vectors of each call's texts, from one call to `embed`."""
    vectors = await embed([text for texts in calls for text in texts])
    return np.split(vectors, np.cumsum([len(texts) for texts in calls])[:-1])
