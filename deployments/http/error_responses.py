"""Error responses in the API's shape, or in OpenAI's below /v1."""

from http import HTTPStatus

from starlette.responses import JSONResponse

from deployments.http.schemas.errors import ErrorResponse
from sidecar.core.errors import (
    BadRequest,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    ValidationFailed,
)


def error_response(error: ServiceError, request_id: str, path: str) -> JSONResponse:
    """Build the error response to a request on `path`."""
    headers = {}
    if error.status in (429, 503):
        headers["retry-after"] = str(error.retry_after_s or 1)
    if error.status == Unauthorized.status:
        headers["www-authenticate"] = _challenge(path)
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


def _openai_status(error: ServiceError) -> int:
    """Return 400 for a body that doesn't validate, as OpenAI does."""
    return BadRequest.status if isinstance(error, ValidationFailed) else error.status


def _challenge(path: str) -> str:
    """Return the WWW-Authenticate header; Basic makes a browser prompt for a password."""
    bearer = 'Bearer realm="grocery-sidecar"'
    if path.startswith(("/api/", "/v1/")):
        return bearer
    return f'{bearer}, Basic realm="grocery-sidecar", charset="UTF-8"'
