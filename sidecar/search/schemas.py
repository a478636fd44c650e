"""Request and response of the search endpoint."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from sidecar.core.validation import FailFastModel, NotBlank, NotBoolean, max_length, unique
from sidecar.embedding.schemas import TextInput
from sidecar.search.ranking import SearchQuery, SearchResult, SearchWeights

MAX_DOCUMENTS: Final = 5_000
MAX_QUERY_CHARACTERS: Final = 1_000

Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), NotBoolean]


class SearchRequest(FailFastModel, frozen=True):
    query: Annotated[str, max_length(MAX_QUERY_CHARACTERS, "characters of a query"), NotBlank]
    documents: Annotated[
        tuple[TextInput, ...],
        max_length(MAX_DOCUMENTS, "documents"),
        Field(min_length=1),
        unique("ids", attrgetter("id")),
    ]
    top_k: Annotated[int, Field(ge=1, le=MAX_DOCUMENTS), NotBoolean] = 10
    keyword_weight: Weight = 0.3
    semantic_weight: Weight = 0.7
    min_score: Weight = 0.0

    @model_validator(mode="after")
    def _check_weights(self) -> "SearchRequest":
        if self.keyword_weight + self.semantic_weight == 0:
            raise ValueError("keyword_weight and semantic_weight must not both be 0")
        return self

    @property
    def as_query(self) -> SearchQuery:
        weights = SearchWeights(self.keyword_weight, self.semantic_weight)
        return SearchQuery(self.query, weights, self.top_k, self.min_score)


class FoundDocument(TypedDict):
    """A document that matches the query."""

    id: str | int
    score: float
    keyword_score: float
    semantic_score: float
    matched_terms: list[str]


class SearchResults(TypedDict):
    """The matching documents, best first."""

    results: list[FoundDocument]


def search_response(request: SearchRequest, results: Sequence[SearchResult]) -> SearchResults:
    """Return the payload of search; each result's row is an index of the request's documents."""
    return {
        "results": [
            {
                "id": request.documents[result.row].id,
                "score": result.score,
                "keyword_score": result.keyword_score,
                "semantic_score": result.semantic_score,
                "matched_terms": list(result.matched_terms),
            }
            for result in results
        ]
    }


def redact_documents(request: SearchRequest) -> dict[str, Any]:
    """Return the request as its artifact stores it, with the number of documents alone."""
    # The documents are the caller's own and come with every search.
    payload = request.model_dump(mode="json", exclude_unset=True, exclude={"documents"})
    return {**payload, "documents": len(request.documents)}
