"""The exception handler: maps whatever a route raises to an error response."""

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from deployments.http.error_responses import error_response
from sidecar.core.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    ValidationFailed,
)
from sidecar.core.validation_errors import describe_request_errors


async def handle_exception(request: Request, error: Exception) -> Response:
    """Return the error response for an exception."""
    service_error = _to_service_error(request, error)
    request.state.log["code"] = service_error.code
    response = error_response(service_error, request.state.request_id, request.url.path)
    if isinstance(service_error, MethodNotAllowed):
        response.headers["allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """Return the methods of all routes that share the path."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods)


def _to_service_error(request: Request, error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RequestValidationError):
        return _validation_error(request, error)
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this path.")
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed()
        if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return BadRequest(str(error.detail))
    return ServiceError()


def _validation_error(request: Request, error: RequestValidationError) -> ServiceError:
    errors = error.errors()
    first = errors[0]
    if first["type"] == "json_invalid":
        return BadRequest(f"The body is not valid JSON: {first['ctx']['error']}.")
    if tuple(first["loc"]) == ("body",):
        if first["type"] == "missing":
            return BadRequest("The body is empty; send a JSON object.")
        if "json" not in request.headers.get("content-type", ""):
            return BadRequest("Send the body as JSON, with Content-Type: application/json.")
    return ValidationFailed(describe_request_errors(errors, error.body))
