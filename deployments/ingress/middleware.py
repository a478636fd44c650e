"""What happens around every request: its id, the body limit, the last resort, one log line."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http.error_responses import error_response
from deployments.ingress.draining import DrainGate
from sidecar.core.errors import BadRequest, Overloaded, ServiceError, TooLarge
from sidecar.core.metrics import Meter
from sidecar.core.tracing import trace_id_of, traceparent_of

log = logging.getLogger(__name__)

#: Bodies as large as may be that are held at once: together they bound what callers make a replica
#: hold, in memory a few times as much.
_MAX_BUFFERED_BODIES = 8

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}")


class RequestContextMiddleware:
    """The outermost layer of the ingress, as plain ASGI so that streams pass untouched.

    Puts `request_id` (str), `traceparent` (str or None), `trusted` (what `authenticate` says of the
    caller, unless it raises) and `log` (a dict of fields for the log line: tenant_id, feature,
    code) into the request's state.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        authenticate: Callable[[Scope], bool],
        new_request_id: Callable[[], str],
        meter: Meter,
        drain_gate: DrainGate,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._authenticate = authenticate
        self._new_request_id = new_request_id
        self._meter = meter
        self._drain_gate = drain_gate
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        sent = Headers(scope=scope).get("x-request-id")
        request_id = sent if sent and _REQUEST_ID.fullmatch(sent) else self._new_request_id()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        traceparent = traceparent_of(Headers(scope=scope).get("traceparent"))
        state["traceparent"] = traceparent
        fields: dict[str, Any] = {"trace_id": trace_id_of(traceparent)}
        state["log"] = fields
        status: int | None = None
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held_bytes + size > _MAX_BUFFERED_BODIES * self._max_body_bytes:
                raise Overloaded("Too many large requests are under way.", retry_after_s=1)
            self._held_bytes += size
            held += size

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if sent is None:  # Ray Serve sees to it that one is sent, and echoes it itself
                    MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            state["trusted"] = self._authenticate(scope)
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                raise BadRequest("The URL has a NUL character in it.")
            with self._drain_gate.track():
                body = await _read_body(scope, receive, self._max_body_bytes, hold)
                await self._app(scope, _replay(body, receive), send_with_id)
        except ServiceError as error:
            fields["code"] = error.code
            await error_response(error, request_id, scope["path"])(scope, receive, send_with_id)
        except Exception:
            fields["code"] = ServiceError.code
            log.exception("unhandled error", extra={"request_id": request_id})
            if status is not None:
                raise  # the answer has begun; the connection must break
            last_resort = error_response(ServiceError(), request_id, scope["path"])
            await last_resort(scope, receive, send_with_id)
        finally:
            self._held_bytes -= held
            path = getattr(scope.get("route"), "path", None)
            seconds = time.perf_counter() - started
            self._measure(scope["method"], path or "none", status, fields.get("code"), seconds)
            log.info(
                "request",
                extra={
                    "request_id": state["request_id"],
                    "method": scope["method"],
                    "path": path,
                    "status": status,
                    "latency_ms": round(seconds * 1000, 1),
                    **fields,
                },
            )

    def _measure(
        self, method: str, path: str, status: int | None, code: str | None, seconds: float
    ) -> None:
        answered = "none" if status is None else str(status)
        self._meter.add("sidecar_requests", method=method, path=path, status=answered)
        self._meter.observe("sidecar_request_seconds", seconds, path=path)
        if code is not None:
            self._meter.add("sidecar_errors", path=path, code=code)


async def _read_body(
    scope: Scope, receive: Receive, limit: int, hold: Callable[[int], None]
) -> bytes:
    """The whole body, each piece of which goes through `hold`, which may raise. Raises TooLarge as
    soon as it is known to be over the limit, which for a declared length is before any of it is
    read, and BadRequest when the client leaves midway.
    """
    too_large = TooLarge(f"The request body is over the limit of {limit} bytes.")
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise too_large
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The request ended before its body did.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        hold(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body in one piece, and then what the connection does."""
    given = False

    async def replaying() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying
