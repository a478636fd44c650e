"""The body of every error, and how the OpenAPI document lists the errors."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from deployments.http.schemas.common import ApiModel
from sidecar.core.errors import ServiceError


class ErrorResponse(ApiModel):
    """Every error of every path has this shape."""

    request_id: str
    status: Literal["error"] = "error"
    payload: Mapping[str, Any] = Field(default_factory=dict)
    error: str = Field(description="One sentence a person can act on.")
    detail: str = Field(description="The same sentence.")
    code: str = Field(examples=["invalid_image"])
    retryable: bool = Field(description="Whether the same request may work later.")

    @classmethod
    def of(cls, error: ServiceError, request_id: str) -> Self:
        """Build the body of the error."""
        return cls(
            request_id=request_id,
            error=error.message,
            detail=error.message,
            code=error.code,
            retryable=error.retryable,
        )


#: For the OpenAPI document: the errors that any path may answer with.
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The input can never work: bad_request, missing_tenant, tenant_mismatch, …",
        404: "Not found for this tenant.",
        409: "The request contradicts what is already there.",
        413: "Over a limit, which is named.",
        422: "A field is missing or of the wrong kind; its path is named.",
        429: "This tenant is over its share; see Retry-After.",
        500: "A bug; the log holds the rest under the request_id.",
        503: "Busy, or a part is down; see Retry-After.",
        504: "The work ran out of its time limit.",
    }.items()
}
