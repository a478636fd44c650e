"""Error responses in the API's shape; below /v1 in OpenAI's, or in Anthropic's for messages."""

from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse

from deployments.http.schemas.errors import ErrorResponse
from sidecar.core.errors import (
    BadRequest,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    ValidationFailed,
)

MESSAGES_PATH: Final = "/v1/messages"
_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_response(error: ServiceError, request_id: str, path: str) -> JSONResponse:
    """Build the error response to a request on `path`."""
    headers = {}
    if error.status in (429, 503):
        headers["retry-after"] = str(error.retry_after_s or 1)
    if error.status == Unauthorized.status:
        headers["www-authenticate"] = _challenge(path)
    if path == MESSAGES_PATH:
        return JSONResponse(anthropic_error(error, request_id), _openai_status(error), headers)
    if path.startswith("/v1/"):
        return JSONResponse(openai_error(error), _openai_status(error), headers)
    return JSONResponse(ErrorResponse.of(error, request_id).model_dump(), error.status, headers)


def openai_error(error: ServiceError) -> dict[str, object]:
    """Build the error body that OpenAI's clients expect."""
    if error.status == TooManyRequests.status:
        kind = "rate_limit_error"
    elif error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "invalid_request_error"
    else:
        kind = "server_error"
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}


def anthropic_error(error: ServiceError, request_id: str | None = None) -> dict[str, object]:
    """Build the error body that Anthropic's clients expect."""
    is_servers = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    other = "api_error" if is_servers else "invalid_request_error"
    kind = _ANTHROPIC_TYPES.get(error.status, other)
    body: dict[str, object] = {"type": "error", "error": {"type": kind, "message": error.message}}
    return body if request_id is None else {**body, "request_id": request_id}


def _openai_status(error: ServiceError) -> int:
    """Return 400 for a body that doesn't validate, as OpenAI does."""
    return BadRequest.status if isinstance(error, ValidationFailed) else error.status


def _challenge(path: str) -> str:
    """Return the WWW-Authenticate header; Basic makes a browser prompt for a password."""
    bearer = 'Bearer realm="grocery-sidecar"'
    if path.startswith(("/api/", "/v1/")):
        return bearer
    return f'{bearer}, Basic realm="grocery-sidecar", charset="UTF-8"'
