"""Many texts as a few small calls at a time, so that a large request delays nobody for long; and
the texts of many calls as one.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from sidecar.embedding.cache import Embed, Vectors

#: Calls of one request that are under way together: one in the model, one ready to follow.
_WIDTH: Final = 2


async def embed_in_chunks(texts: Sequence[str], embed: Embed, size: int) -> Vectors:
    """As `embed`, with at most `size` texts a call; `texts` holds at least one.

    The first error of a call ends them all.
    """
    starts = range(0, len(texts), size)
    if len(starts) == 1:
        return await embed(texts)
    room = asyncio.Semaphore(_WIDTH)

    async def one(start: int) -> Vectors:
        async with room:
            return await embed(texts[start : start + size])

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(start)) for start in starts]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return np.concatenate([task.result() for task in tasks])


async def embed_together(calls: Sequence[Sequence[str]], embed: Embed) -> Sequence[Vectors]:
    """The vectors of each call's texts, from one call to `embed`."""
    vectors = await embed([text for texts in calls for text in texts])
    return np.split(vectors, np.cumsum([len(texts) for texts in calls])[:-1])
