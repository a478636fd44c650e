"""Long requests are embedded in small concurrent calls."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.batching import embed_chunked
from sidecar.embedding.cache import Vectors


async def test_chunks_keep_their_order_and_at_most_two_are_in_flight() -> None:
    sizes: list[int] = []
    in_flight = max_in_flight = 0

    async def embed(texts: Sequence[str]) -> Vectors:
        nonlocal in_flight, max_in_flight
        sizes.append(len(texts))
        in_flight += 1
        max_in_flight = max(max_in_flight, in_flight)
        for _ in range(10 - len(sizes)):  # the first chunk ends last
            await asyncio.sleep(0)
        in_flight -= 1
        return np.array([[float(text)] for text in texts], dtype=np.float32)

    vectors = await embed_chunked([str(number) for number in range(10)], embed, 3)
    assert vectors[:, 0].tolist() == list(range(10))
    assert (sizes, max_in_flight) == ([3, 3, 3, 1], 2)


async def test_chunks_are_cut_by_what_a_model_reads_of_their_texts() -> None:
    chunks: list[list[int]] = []

    async def embed(texts: Sequence[str]) -> Vectors:
        chunks.append([len(text) for text in texts])
        return np.zeros((len(texts), 1), dtype=np.float32)

    texts = ["a" * length for length in (20_000, 1_900, 1_900, 10, 10, 10, 10, 50_000)]
    await embed_chunked(texts, embed, 3, max_cost=4_100)
    assert chunks == [[20_000, 1_900], [1_900, 10, 10], [10, 10, 50_000]]


async def test_an_error_in_one_chunk_fails_the_request() -> None:
    async def embed(texts: Sequence[str]) -> Vectors:
        raise ModelUnavailable

    with pytest.raises(ModelUnavailable):
        await embed_chunked(["a", "b"], embed, 1)
