"""Vectors are remembered by content."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deployments.embedder.cache import VectorCache, Vectors


def _lengths(texts: Sequence[str]) -> Vectors:
    """A stand-in for a model: each vector tells its text's length."""
    return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(-1, 2)


def _refuse(texts: Sequence[str]) -> Vectors:
    raise AssertionError(f"embedded again: {texts}")


def test_known_texts_are_not_embedded_again_and_count_as_hits() -> None:
    cache = VectorCache(max_bytes=10_000)
    first = cache.embed(["milk", "bread"], _lengths)
    again = cache.embed(["bread", "milk"], _refuse)
    np.testing.assert_array_equal(again, first[::-1])
    assert (cache.hits, cache.misses) == (2, 2)


def test_a_text_repeated_in_one_call_is_embedded_once() -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        return _lengths(texts)

    vectors = VectorCache(max_bytes=10_000).embed(["milk", "milk"], embed)
    assert asked == ["milk"]
    assert vectors.tolist() == [[4.0, 1.0]] * 2


def test_the_least_recently_used_goes_first() -> None:
    cache = VectorCache(max_bytes=2 * (8 + 320))
    cache.embed(["a", "bb"], _lengths)
    cache.embed(["a"], _refuse)
    cache.embed(["ccc"], _lengths)
    cache.embed(["a", "ccc"], _refuse)
    assert len(cache) == 2


def test_without_room_nothing_is_kept_and_the_answer_is_right() -> None:
    cache = VectorCache(max_bytes=0)
    assert cache.embed(["milk"], _lengths).tolist() == [[4.0, 1.0]]
    assert len(cache) == 0


@given(st.lists(st.lists(st.text(max_size=4), max_size=6), max_size=8))
def test_the_cache_never_changes_an_answer(calls: list[list[str]]) -> None:
    cache = VectorCache(max_bytes=1_000)
    for texts in calls:
        np.testing.assert_array_equal(cache.embed(texts, _lengths), _lengths(texts))
