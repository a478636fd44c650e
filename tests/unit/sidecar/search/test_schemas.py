"""Request and response of the search endpoint."""

import math

import pytest
from pydantic import ValidationError

from sidecar.core.errors import TooLarge
from sidecar.search.ranking import SearchResult
from sidecar.search.schemas import SearchRequest, search_response

PAYLOAD = {"query": "milk", "documents": [{"id": "a", "text": "whole milk"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"query": " "},
        {"documents": []},
        {"documents": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]},
        {"documents": [{"id": "a"}]},
        {"keyword_weight": math.nan},
        {"semantic_weight": math.inf},
        {"keyword_weight": -0.1},
        {"keyword_weight": 0, "semantic_weight": 0},
        {"min_score": math.nan},
        {"top_k": 0},
        {"top_k": "all"},
    ],
)
def test_invalid_requests_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchRequest.model_validate(PAYLOAD | change)


def test_more_than_five_thousand_documents_are_too_large() -> None:
    documents = [{"id": number, "text": "milk"} for number in range(5_001)]
    with pytest.raises(TooLarge, match="5000"):
        SearchRequest.model_validate(PAYLOAD | {"documents": documents})


def test_meaning_weighs_more_than_keywords_by_default() -> None:
    weights = SearchRequest.model_validate(PAYLOAD).as_query.weights
    assert weights.semantic > weights.keyword > 0


def test_the_response_lists_each_result_with_its_scores_and_terms() -> None:
    request = SearchRequest.model_validate(
        PAYLOAD | {"documents": [{"id": "z", "text": "oats"}, {"id": "a", "text": "milk"}]}
    )
    payload = search_response(request, [SearchResult(1, 0.5, 0.25, 0.6, ("milk",))])
    assert payload == {
        "results": [
            {
                "id": "a",
                "score": 0.5,
                "keyword_score": 0.25,
                "semantic_score": 0.6,
                "matched_terms": ["milk"],
            }
        ]
    }
