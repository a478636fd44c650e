"""What the search endpoint takes and answers."""

from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sidecar.core.numbers import NotBoolean
from sidecar.core.validation import NotBlank, at_most, distinct
from sidecar.embedding.schemas import Text
from sidecar.search.ranking import Query, Result, Weights

MAX_DOCUMENTS: Final = 5_000
MAX_QUERY_CHARACTERS: Final = 1_000

Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), NotBoolean]


class Search(BaseModel):
    """A query over the documents of the same request."""

    model_config = ConfigDict(frozen=True)

    query: Annotated[str, at_most(MAX_QUERY_CHARACTERS, "characters of a query"), NotBlank]
    documents: Annotated[
        tuple[Text, ...],
        at_most(MAX_DOCUMENTS, "documents"),
        Field(min_length=1),
        distinct("ids", attrgetter("id")),
    ]
    top_k: Annotated[int, Field(ge=1, le=MAX_DOCUMENTS), NotBoolean] = 10
    keyword_weight: Weight = 0.3
    semantic_weight: Weight = 0.7
    min_score: Weight = 0.0

    @model_validator(mode="after")
    def _some_weight(self) -> "Search":
        if self.keyword_weight + self.semantic_weight == 0:
            raise ValueError("keyword_weight and semantic_weight must not both be 0")
        return self

    @property
    def asked(self) -> Query:
        """What is looked for in the documents."""
        weights = Weights(self.keyword_weight, self.semantic_weight)
        return Query(self.query, weights, self.top_k, self.min_score)


def answer(request: Search, results: Sequence[Result]) -> dict[str, Any]:
    """The payload of search; `results` name rows of the request's documents."""
    return {"results": [_listed(request.documents[one.row].id, one) for one in results]}


def kept(request: Search) -> dict[str, Any]:
    """What a record holds of the request. The documents are the caller's own and come with every
    search: their number is enough.
    """
    payload = request.model_dump(mode="json", exclude_unset=True, exclude={"documents"})
    return {**payload, "documents": len(request.documents)}


def _listed(id_: str | int, result: Result) -> dict[str, Any]:
    scores = asdict(result)
    del scores["row"]
    return {"id": id_, **scores}
