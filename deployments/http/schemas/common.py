"""The request and response envelopes, and types shared by all schemas."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from jobs.storage.artifacts import Artifact

PayloadT = TypeVar("PayloadT")


def _printable(text: str) -> str:
    if not text.isprintable() or text.isspace():
        raise ValueError("must be printable text")
    return text


#: An id chosen by the caller (tenant, user, request); stored in rows and logs.
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]


def is_name(value: object) -> bool:
    """Return whether the value is a Name."""
    try:
        _NAME.validate_python(value)
    except ValidationError:
        return False
    return True


_NAME: TypeAdapter[str] = TypeAdapter(Name)


class ApiModel(BaseModel):
    """A body that ignores unknown fields and rejects infinities and NaN."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Envelope(ApiModel, Generic[PayloadT]):
    """A request of the core application."""

    request_id: Name | None = None
    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = Field(None, description="Null for work that the system started.")
    feature: Name | None = None
    payload: PayloadT
    metadata: Mapping[str, Any] | None = Field(None, description="The caller's own; not used.")


class Provenance(ApiModel):
    """The artifact and the model behind a response."""

    artifact_id: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float


class SuccessResponse(ApiModel):
    """A response to an Envelope."""

    request_id: str
    status: Literal["success"] = "success"
    payload: Mapping[str, Any]
    error: None = None
    metadata: Provenance
    model_version: str | None
    processing_time_ms: int = Field(description="Whole milliseconds.")

    @classmethod
    def of(cls, request_id: str, artifact: Artifact) -> Self:
        """Build the response from its artifact."""
        latency_ms = round(artifact.latency_ms, 1)
        return cls(
            request_id=request_id,
            payload=artifact.output_payload or {},
            metadata=Provenance(
                artifact_id=artifact.id,
                model_id=artifact.model_id,
                model_version=artifact.model_version,
                latency_ms=latency_ms,
            ),
            model_version=artifact.model_version,
            processing_time_ms=round(latency_ms),
        )


def rfc3339(moment: datetime) -> str:
    """Return the time in UTC with a Z, to the microsecond (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
