"""Schemas of artifacts."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field

from deployments.http.schemas.common import ApiModel, rfc3339
from jobs.storage.artifacts import Artifact


class ArtifactResponse(ApiModel):
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
        description="In lists, but not in exports, null as output_payload is, where the two have "
        "more than 16 KiB of JSON."
    )
    output_payload: Mapping[str, Any] | None
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


class ArtifactList(ApiModel):
    """One page of artifacts, newest first."""

    artifacts: Sequence[ArtifactResponse]
    total: int = Field(description="Number of matches on all pages.")
    limit: int
    offset: int
    next_cursor: str | None = Field(description="The next page's cursor; null on the last page.")
