"""Schemas of artifacts."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Self

from pydantic import Field
from typing_extensions import TypedDict

from deployments.http.schemas.common import AnswerModel, DescribedAs, rfc3339
from deployments.http.schemas.jobs import JobOutput
from jobs.storage.artifacts import Artifact
from sidecar.classification.schemas import Category
from sidecar.ingredients.schemas import ParsedIngredients
from sidecar.planning.response import Suggestions
from sidecar.planning.shopping_list import ShoppingListResponse
from sidecar.search.schemas import SearchResults


class RecordedTokens(TypedDict):
    """The tokens of a chat completion."""

    prompt_tokens: int
    completion_tokens: int


class RecordedChat(TypedDict):
    """What is recorded of a chat completion; its messages only where a setting stores them."""

    usage: RecordedTokens
    finish_reasons: list[str | None]
    first_token_ms: NotRequired[float]
    messages: NotRequired[list[dict[str, Any]]]


Output = (
    JobOutput
    | Category
    | SearchResults
    | Suggestions
    | ParsedIngredients
    | ShoppingListResponse
    | RecordedChat
)


class ArtifactResponse(AnswerModel):
    """The record of one result: what went into a model and what came out."""

    id: str
    artifact_id: str
    tenant_id: str
    user_id: str | None
    feature: str
    request_id: str
    job_id: str | None
    status: Literal["success", "error"]
    input_payload: Mapping[str, Any] | None = Field(
        description="The payload as it was sent; images, and lists that come with each call, are "
        "replaced by references and counts. In lists, but not in exports, null as output_payload "
        "is, where the two have more than 16 KiB of JSON."
    )
    output_payload: Annotated[Mapping[str, Any], DescribedAs(Output)] | None
    error_code: str | None
    error_message: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float
    created_at: str

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        return cls(
            **{
                **vars(artifact),
                "artifact_id": artifact.id,
                "input_payload": artifact.input_payload or None,
                "status": "success" if artifact.success else "error",
                "latency_ms": round(artifact.latency_ms, 1),
                "created_at": rfc3339(artifact.created_at),
            }
        )


class ArtifactList(AnswerModel):
    """One page of artifacts, newest first."""

    artifacts: Sequence[ArtifactResponse]
    total: int = Field(description="Number of matches on all pages.")
    limit: int
    offset: int
    next_cursor: str | None = Field(description="The next page's cursor; null on the last page.")
