"""Faults on request: what the header X-Stub of a request asks for."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http.error_responses import error_response
from sidecar.core.errors import CODES, BadRequest, ServiceError, by_code

HEADER: Final = "x-stub"
_MAX_DELAY_S: Final = 120.0
_BY_STATUS: Final[Mapping[str, str]] = {
    "400": "bad_request",
    "401": "unauthorized",
    "404": "not_found",
    "409": "conflict",
    "413": "too_large",
    "422": "validation_error",
    "429": "too_many_requests",
    "500": "internal",
    "503": "overloaded",
    "504": "timeout",
}
_USAGE: Final = (
    "X-Stub takes, separated by commas: a status such as 503 or an error code such as "
    "invalid_image; delay=SECONDS; malformed (the JSON is cut off); unreadable (a receipt without "
    "any value); job=CODE (the job fails with that error)."
)


@dataclass(frozen=True)
class Fault:
    """What a request asks to go wrong."""

    error: type[ServiceError] | None = None
    delay_s: float = 0.0
    malformed: bool = False
    unreadable: bool = False
    job_error: type[ServiceError] | None = None


NO_FAULT: Final = Fault()

#: The fault of the request that is being handled.
current_fault: ContextVar[Fault] = ContextVar("current_fault", default=NO_FAULT)


def parse_fault(header: str) -> Fault:
    """Parse the header. Raises BadRequest, which says what it takes."""
    values: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = part.partition("=")
        try:
            if name == "delay":
                values["delay_s"] = min(max(float(value), 0.0), _MAX_DELAY_S)
            elif name == "job":
                values["job_error"] = _error(value)
            elif part in ("malformed", "unreadable"):
                values[part] = True
            else:
                values["error"] = _error(_BY_STATUS.get(part, part))
        except (KeyError, ValueError) as error:
            raise BadRequest(_USAGE) from error
    return Fault(**values)  # type: ignore[arg-type]


def _error(code: str) -> type[ServiceError]:
    if code not in CODES:
        raise KeyError(code)
    return by_code(code)


class FaultMiddleware:
    """The outermost layer of the stub: marks every answer, and lets go wrong what X-Stub says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, fault = scope["path"], NO_FAULT
        marked = _Marking(send)
        try:
            fault = parse_fault(Headers(scope=scope).get(HEADER, ""))
            await asyncio.sleep(fault.delay_s)
            if fault.error is not None:
                raise fault.error(f"The stub was asked for {fault.error.code}.")
        except ServiceError as error:
            request_id = Headers(scope=scope).get("x-request-id", "req_stub")
            response = error_response(error, request_id, path)
            response.headers["x-request-id"] = request_id
            await response(scope, receive, marked.send)
            return
        marked.cut = fault.malformed
        token = current_fault.set(fault)
        try:
            await self._app(scope, receive, marked.send)
        finally:
            current_fault.reset(token)


class _Marking:
    """Sends messages with the stub's header, and cuts the body off in its middle if asked to."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.cut = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[HEADER] = "true"
            if self.cut:
                del headers["content-length"]
        elif self.cut and message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2]}
        await self._send(message)
