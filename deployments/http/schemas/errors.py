"""The error body, and the error responses in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from deployments.http.schemas.common import AnswerModel
from sidecar.core.errors import ServiceError


class ErrorResponse(AnswerModel):
    """The body of every error outside /v1."""

    request_id: str
    status: Literal["error"] = "error"
    payload: Mapping[str, Any] = Field(default_factory=dict)
    error: str = Field(description="One sentence that a person can act on.")
    detail: str = Field(description="The same sentence.")
    code: str = Field(examples=["invalid_image"])
    retryable: bool = Field(description="Whether a retry of the same request can succeed.")

    @classmethod
    def of(cls, error: ServiceError, request_id: str) -> Self:
        return cls(
            request_id=request_id,
            error=error.message,
            detail=error.message,
            code=error.code,
            retryable=error.retryable,
        )


#: The errors that any operation may return, for the OpenAPI document.
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The request is invalid: bad_request, missing_tenant, tenant_mismatch, …",
        404: "Not found for this tenant.",
        408: "The request's body arrived too slowly.",
        409: "The request conflicts with the current state.",
        413: "The request is over a size limit, which the message names.",
        421: "The Host header is not one of this service.",
        422: "A field is missing or has the wrong type; the message names its path.",
        429: "This tenant is over its share; see Retry-After.",
        500: "Internal error; the log has the details under the request_id.",
        503: "The service is busy or a part of it is down; see Retry-After.",
        504: "The work exceeded its time limit.",
    }.items()
}
