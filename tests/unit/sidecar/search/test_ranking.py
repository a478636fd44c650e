"""Documents are ranked by keywords and meaning."""

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.search import ranking
from sidecar.search.ranking import (
    SearchQuery,
    SearchResult,
    SearchWeights,
    search,
    semantic_scores,
)
from sidecar.search.terms import document_terms

BOTH = SearchWeights(keyword=0.3, semantic=0.7)


def _search(
    query: str,
    texts: list[str],
    *,
    cosines: list[float] | None = None,
    weights: SearchWeights = BOTH,
    top_k: int = 10,
    min_score: float = 0.0,
) -> list[SearchResult]:
    vectors: NDArray[np.float32] = np.array(
        [[c, np.sqrt(1 - c * c)] for c in cosines or [0.0] * len(texts)], dtype=np.float32
    )
    query_vector = np.array([1.0, 0.0], dtype=np.float32)
    scores = semantic_scores(vectors, query_vector)
    return search(SearchQuery(query, weights, top_k, min_score), texts, scores)


def test_an_exact_name_comes_first_whatever_the_similarity() -> None:
    results = _search("whole milk", ["skimmed milk drink", "Whole Milk"], cosines=[0.99, 0.1])
    assert [result.row for result in results] == [1, 0]
    assert results[0].score == 1.0


def test_the_first_line_of_a_document_is_its_name() -> None:
    results = _search("whole milk", ["milk whole cow", "Whole milk\nfrom the alps"])
    assert results[0].row == 1


def test_matched_terms_are_the_query_words_in_the_document() -> None:
    [result] = _search("tomato soup bowls", ["Soup of tomatoes"])
    assert result.matched_terms == ("tomato", "soup")


def test_receipt_abbreviations_match_their_expansions() -> None:
    [result] = _search("organic milk", ["ORG WHL MLK 1GL"])
    assert result.matched_terms == ("organic", "milk")


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    texts = ["red wine", "white wine", "wine glass", "wine rack", "red cabbage"]
    results = _search("red wine rack", texts, weights=SearchWeights(1, 0))
    assert results[0].row == 3


def test_meaning_alone_ranks_when_the_keyword_weight_is_0() -> None:
    results = _search("fizzy", ["cola", "bread"], cosines=[0.2, 0.6], weights=SearchWeights(0, 1))
    assert [result.row for result in results] == [1, 0]
    assert results[0].score == pytest.approx(0.6)


def test_results_below_min_score_and_beyond_top_k_are_omitted() -> None:
    texts, cosines = ["a1", "b1", "c1"], [0.9, 0.5, 0.1]
    results = _search("fizzy", texts, cosines=cosines, weights=SearchWeights(0, 1), min_score=0.4)
    assert [result.row for result in results] == [0, 1]
    top = _search("fizzy", texts, cosines=cosines, weights=SearchWeights(0, 1), top_k=1)
    assert [result.row for result in top] == [0]


def test_documents_of_equal_score_keep_their_order() -> None:
    assert [result.row for result in _search("milk", ["oats", "rye", "oil"])] == [0, 1, 2]


def test_a_query_without_words_matches_no_words() -> None:
    assert all(result.keyword_score == 0 for result in _search("🥛?!", ["milk", "🥛"]))


@given(st.text(min_size=1, max_size=40), st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_scores_are_between_0_and_1_and_sorted(query: str, texts: list[str]) -> None:
    results = _search(query, texts)
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for r in results for s in (r.score, r.keyword_score, r.semantic_score))


def test_a_word_that_stands_for_all_words_takes_linear_time() -> None:
    rng = random.Random(1)

    def seconds(count: int) -> float:
        texts = [
            " ".join("zzqqx" + "".join(rng.choices("abcdefgh", k=4)) for _ in range(100))
            for _ in range(count)
        ]
        terms = {text: document_terms(text) for text in texts}
        none = np.zeros(count, dtype=np.float32)
        started = time.thread_time()
        found = search(SearchQuery("zzqqx", BOTH, 10), texts, none, terms=terms.__getitem__)
        assert len(found) == 10
        return time.thread_time() - started

    assert seconds(800) < 20 * max(seconds(100), 0.01)


def test_of_many_misspelled_words_the_first_are_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["onions and xylophones"]
    [result] = _search("unions xylophanes", texts)
    assert result.matched_terms == ("union", "xylophane")
    monkeypatch.setattr(ranking, "_MAX_COMPARED", 1)
    [result] = _search("unions xylophanes", texts)
    assert result.matched_terms == ("union",)
