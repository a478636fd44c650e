"""Artifacts."""

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
    input_payload: Mapping[str, Any]
    output_payload: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float
    created_at: str

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        """Build the body from a row."""
        return cls(
            id=artifact.id,
            artifact_id=artifact.id,
            tenant_id=artifact.tenant_id,
            user_id=artifact.user_id,
            feature=artifact.feature,
            request_id=artifact.request_id,
            job_id=artifact.job_id,
            status="success" if artifact.success else "error",
            input_payload=artifact.input_payload,
            output_payload=artifact.output_payload,
            error_code=artifact.error_code,
            error_message=artifact.error_message,
            model_id=artifact.model_id,
            model_version=artifact.model_version,
            latency_ms=round(artifact.latency_ms, 1),
            created_at=rfc3339(artifact.created_at),
        )


class ArtifactList(ApiModel):
    """One page of artifacts, newest first."""

    artifacts: Sequence[ArtifactResponse]
    total: int = Field(description="Number of all that match.")
    limit: int
    offset: int
