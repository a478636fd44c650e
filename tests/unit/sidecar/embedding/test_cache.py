"""Vectors are cached by the content of their text."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sidecar.embedding.cache import VectorCache, Vectors


def _lengths(texts: Sequence[str]) -> Vectors:
    """Embed each text as its length."""
    return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(-1, 2)


class RecordingModel:
    """Embeds texts and records them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return _lengths(texts)


class Counts(Counter[str]):
    """A meter of the cache's lookups."""

    def add(self, _name: str, value: int, /, *, outcome: str, **_tags: str) -> None:
        self[outcome] += value


async def test_cached_texts_are_not_embedded_again_and_count_as_hits() -> None:
    model = RecordingModel()
    counts = Counts()
    cache = VectorCache(model, max_bytes=10_000, meter=counts)
    first = await cache.embed(["milk", "bread"])
    again = await cache.embed(["bread", "milk"])
    np.testing.assert_array_equal(again, first[::-1])
    assert counts == {"hit": 2, "miss": 2}
    assert model.texts == ["milk", "bread"]


async def test_a_text_repeated_in_one_call_is_embedded_once() -> None:
    model = RecordingModel()
    vectors = await VectorCache(model, max_bytes=10_000).embed(["milk", "milk"])
    assert model.texts == ["milk"]
    assert vectors.tolist() == [[4.0, 1.0]] * 2


async def test_the_least_recently_used_entry_is_evicted_first() -> None:
    model = RecordingModel()
    cache = VectorCache(model, max_bytes=2 * (8 + 320))
    for texts in (["a", "bb"], ["a"], ["ccc"], ["a", "ccc"]):
        await cache.embed(texts)
    assert model.texts == ["a", "bb", "ccc"]
    assert len(cache) == 2


async def test_without_capacity_nothing_is_cached_and_the_result_is_right() -> None:
    cache = VectorCache(RecordingModel(), max_bytes=0)
    assert (await cache.embed(["milk"])).tolist() == [[4.0, 1.0]]
    assert len(cache) == 0


@given(st.lists(st.lists(st.text(max_size=4), min_size=1, max_size=6), max_size=8))
async def test_the_cache_never_changes_a_result(calls: list[list[str]]) -> None:
    cache = VectorCache(RecordingModel(), max_bytes=1_000)
    for texts in calls:
        np.testing.assert_array_equal(await cache.embed(texts), _lengths(texts))
