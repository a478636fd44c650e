"""Documents are ranked by words and meaning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.search.ranking import SearchQuery, SearchResult, SearchWeights, search

BOTH = SearchWeights(keyword=0.3, semantic=0.7)


def _found(
    query: str,
    texts: list[str],
    *,
    likeness: list[float] | None = None,
    weights: SearchWeights = BOTH,
    top_k: int = 10,
    min_score: float = 0.0,
) -> list[SearchResult]:
    cosines = likeness or [0.0] * len(texts)
    vectors: NDArray[np.float32] = np.array(
        [[c, np.sqrt(1 - c * c)] for c in cosines], dtype=np.float32
    )
    query_vector = np.array([1.0, 0.0], dtype=np.float32)
    return search(SearchQuery(query, weights, top_k, min_score), texts, vectors, query_vector)


def test_an_exact_name_comes_first_whatever_is_alike_in_meaning() -> None:
    results = _found("whole milk", ["skimmed milk drink", "Whole Milk"], likeness=[0.99, 0.1])
    assert [result.row for result in results] == [1, 0]
    assert results[0].score == 1.0


def test_the_first_line_of_a_document_is_its_name() -> None:
    results = _found("whole milk", ["milk whole cow", "Whole milk\nfrom the alps"])
    assert results[0].row == 1


def test_matched_terms_are_the_words_of_the_query_that_the_document_holds() -> None:
    [result] = _found("tomato soup bowls", ["Soup of tomatoes"])
    assert result.matched_terms == ("tomato", "soup")


def test_receipt_abbreviations_match_the_words_they_stand_for() -> None:
    [result] = _found("organic milk", ["ORG WHL MLK 1GL"])
    assert result.matched_terms == ("organic", "milk")


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    texts = ["red wine", "white wine", "wine glass", "wine rack", "red cabbage"]
    results = _found("red wine rack", texts, weights=SearchWeights(1, 0))
    assert results[0].row == 3


def test_meaning_alone_ranks_when_words_weigh_nothing() -> None:
    results = _found("fizzy", ["cola", "bread"], likeness=[0.2, 0.6], weights=SearchWeights(0, 1))
    assert [result.row for result in results] == [1, 0]
    assert results[0].score == pytest.approx(0.6)


def test_results_below_the_least_score_and_beyond_the_top_are_left_out() -> None:
    texts, likeness = ["a1", "b1", "c1"], [0.9, 0.5, 0.1]
    kept = _found("fizzy", texts, likeness=likeness, weights=SearchWeights(0, 1), min_score=0.4)
    assert [result.row for result in kept] == [0, 1]
    top = _found("fizzy", texts, likeness=likeness, weights=SearchWeights(0, 1), top_k=1)
    assert [result.row for result in top] == [0]


def test_equal_documents_stay_in_their_order() -> None:
    assert [result.row for result in _found("milk", ["oats", "rye", "oil"])] == [0, 1, 2]


def test_a_query_of_signs_alone_matches_no_words() -> None:
    assert all(result.keyword_score == 0 for result in _found("🥛?!", ["milk", "🥛"]))


@given(st.text(min_size=1, max_size=40), st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_every_score_lies_between_0_and_1_and_the_best_comes_first(
    query: str, texts: list[str]
) -> None:
    results = _found(query, texts)
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for r in results for s in (r.score, r.keyword_score, r.semantic_score))
