"""From whatever was raised to the answer that tells of it."""

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from deployments.ingress.auth import challenge
from deployments.ingress.wire import ErrorBody, validation_message
from sidecar.core.errors import (
    BadRequest,
    Invalid,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    TooManyRequests,
    Unauthorized,
)


async def answer(request: Request, error: Exception) -> Response:
    """One place turns whatever was raised into the contract's error."""
    shaped = _shaped(request, error)
    request.state.log["code"] = shaped.code
    response = error_response(shaped, request.state.request_id, request.url.path)
    if isinstance(shaped, MethodNotAllowed):
        response.headers["allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """What the path does answer to; several routes may share it."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


def _shaped(request: Request, error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RequestValidationError):
        return _shaped_fault(request, error)
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this path.")
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed()
        if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return BadRequest(str(error.detail))
    return ServiceError()


def _shaped_fault(request: Request, error: RequestValidationError) -> ServiceError:
    faults = error.errors()
    first = faults[0]
    if first["type"] == "json_invalid":
        return BadRequest(f"The body is not valid JSON: {first['ctx']['error']}.")
    if tuple(first["loc"]) == ("body",):
        if first["type"] == "missing":
            return BadRequest("The body is empty; send a JSON object.")
        if "json" not in request.headers.get("content-type", ""):
            return BadRequest("Send the body as JSON, with Content-Type: application/json.")
    return Invalid(validation_message(faults))


def error_response(error: ServiceError, request_id: str, path: str) -> JSONResponse:
    """The answer to a request that failed: in OpenAI's shape below /v1, else in the contract's."""
    headers = {}
    if error.status in (429, 503):
        headers["retry-after"] = str(error.retry_after_s or 1)
    if error.status == Unauthorized.status:
        headers["www-authenticate"] = challenge(path)
    if path.startswith("/v1/"):
        return JSONResponse(openai_error(error), _openai_status(error), headers)
    return JSONResponse(ErrorBody.of(error, request_id).model_dump(), error.status, headers)


def openai_error(error: ServiceError) -> dict[str, object]:
    """The error as OpenAI's clients read it."""
    if error.status == TooManyRequests.status:
        kind = "rate_limit_error"
    elif error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "invalid_request_error"
    else:
        kind = "server_error"
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}


def _openai_status(error: ServiceError) -> int:
    """A body that doesn't validate is a 400 there."""
    return BadRequest.status if isinstance(error, Invalid) else error.status
