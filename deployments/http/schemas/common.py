"""The request and response envelopes, and types shared by all schemas."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from jobs.storage.artifacts import Artifact
from sidecar.core.validation import FailFastModel, NotBlank, printable

PayloadT = TypeVar("PayloadT")


#: An id chosen by the caller (tenant, user, request); stored in rows and logs.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(printable), NotBlank
]


def is_name(value: object) -> bool:
    """Return whether the value is a Name."""
    try:
        _NAME.validate_python(value)
    except ValidationError:
        return False
    return True


_NAME: TypeAdapter[str] = TypeAdapter(Name)


class ApiModel(FailFastModel):
    """A body that ignores unknown fields and rejects infinities and NaN."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class AnswerModel(ApiModel):
    """A body of the service's own: every field is always there, in the OpenAPI document too."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        json_schema = handler(schema)
        resolved = handler.resolve_ref_schema(json_schema)
        resolved["required"] = list(resolved["properties"])
        return json_schema


class DescribedAs:
    """Describes a field in the OpenAPI document as another type, which nothing validates."""

    def __init__(self, described_type: Any) -> None:
        self._type = described_type

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(TypeAdapter(self._type).core_schema)


class Envelope(ApiModel, Generic[PayloadT]):
    """A request of the core application."""

    request_id: Name | None = None
    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = Field(None, description="Null for work that the system started.")
    feature: Name | None = None
    payload: PayloadT
    metadata: Mapping[str, Any] | None = Field(None, description="The caller's own; not used.")


class Provenance(AnswerModel):
    """The artifact and the model behind a response."""

    artifact_id: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float


class SuccessResponse(AnswerModel, Generic[PayloadT]):
    """A response to an Envelope.

    Routes build it with a payload of any type, which is sent as it is; `answer` gives the OpenAPI
    document the type.
    """

    request_id: str
    status: Literal["success"] = "success"
    payload: PayloadT
    error: None = None
    metadata: Provenance
    model_version: str | None
    processing_time_ms: int = Field(description="Whole milliseconds.")

    @staticmethod
    def of(request_id: str, artifact: Artifact) -> "SuccessResponse[Any]":
        """Build the response from its artifact."""
        latency_ms = round(artifact.latency_ms, 1)
        return SuccessResponse[Any](
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


def answer(payload: Any) -> dict[int | str, dict[str, Any]]:
    """Return a route's `responses` with the type of its payload, for the OpenAPI document."""
    return {200: {"model": SuccessResponse[payload]}}


def rfc3339(moment: datetime) -> str:
    """Return the time in UTC with a Z, to the microsecond (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
