"""Many texts are a few small calls at a time."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.batching import embed_chunked
from sidecar.embedding.cache import Vectors


async def test_chunks_keep_the_order_and_two_at_most_are_under_way() -> None:
    sizes: list[int] = []
    under_way = most = 0

    async def embed(texts: Sequence[str]) -> Vectors:
        nonlocal under_way, most
        sizes.append(len(texts))
        under_way += 1
        most = max(most, under_way)
        for _ in range(10 - len(sizes)):  # the first chunk ends last
            await asyncio.sleep(0)
        under_way -= 1
        return np.array([[float(text)] for text in texts], dtype=np.float32)

    vectors = await embed_chunked([str(number) for number in range(10)], embed, 3)
    assert vectors[:, 0].tolist() == list(range(10))
    assert (sizes, most) == ([3, 3, 3, 1], 2)


async def test_an_error_of_one_chunk_is_the_error_of_all() -> None:
    async def embed(texts: Sequence[str]) -> Vectors:
        raise ModelUnavailable

    with pytest.raises(ModelUnavailable):
        await embed_chunked(["a", "b"], embed, 1)
