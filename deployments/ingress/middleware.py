"""The middleware around every request: id, authentication, body limit, errors, metrics and log."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http.csrf import SAFE_METHODS, check_not_cross_site
from deployments.http.error_responses import error_response
from deployments.ingress.draining import DrainGate
from deployments.ingress.uploads import BodyReader, replayed
from sidecar.core.errors import BadRequest, ServiceError
from sidecar.core.metrics import Meter
from sidecar.core.tracing import trace_id_of, traceparent_of

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}")
#: Of these there are metrics; callers can make up others.
_METHODS = frozenset({*SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE"})


class RequestContextMiddleware:
    """The outermost layer of the ingress, as plain ASGI so that streams pass through unbuffered.

    Sets the request state's `request_id` (str), `callers_request_id` (the same if the caller sent
    it, else None), `traceparent` (str or None), `trusted` (the result of `authenticate`) and `log`
    (fields of the log line: tenant_id, feature, code).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        authenticate: Callable[[Scope], bool],
        check_host: Callable[[str | None], None],
        new_request_id: Callable[[], str],
        meter: Meter,
        drain_gate: DrainGate,
    ) -> None:
        self._app = app
        self._bodies = BodyReader(max_body_bytes)
        self._authenticate = authenticate
        self._check_host = check_host
        self._new_request_id = new_request_id
        self._meter = meter
        self._drain_gate = drain_gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        sent_id = headers.get("x-request-id")
        callers_id = sent_id if sent_id and _REQUEST_ID.fullmatch(sent_id) else None
        request_id = callers_id or self._new_request_id()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["callers_request_id"] = callers_id
        traceparent = traceparent_of(headers.get("traceparent"))
        state["traceparent"] = traceparent
        fields: dict[str, Any] = {"trace_id": trace_id_of(traceparent)}
        state["log"] = fields
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if sent_id is None:  # Ray Serve itself echoes an id that the client sent
                    MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            self._check_host(headers.get("host"))
            state["trusted"] = self._authenticate(scope)
            if scope["method"] not in SAFE_METHODS:
                check_not_cross_site(headers)
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                raise BadRequest("The URL contains a NUL character.")
            with self._drain_gate.track():
                async with self._bodies.read(scope, receive) as body:
                    await self._app(scope, replayed(body, receive), send_with_id)
        except ServiceError as error:
            fields["code"] = error.code
            await error_response(error, request_id, scope["path"])(scope, receive, send_with_id)
        except Exception:
            fields["code"] = ServiceError.code
            log.exception("unhandled error", extra={"request_id": request_id})
            if status is not None:
                raise  # the response has begun, so the connection must be closed
            response = error_response(ServiceError(), request_id, scope["path"])
            await response(scope, receive, send_with_id)
        finally:
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
        status_tag = "none" if status is None else str(status)
        method_tag = method if method in _METHODS else "other"
        self._meter.add("sidecar_requests", method=method_tag, path=path, status=status_tag)
        self._meter.observe("sidecar_request_seconds", seconds, path=path)
        if code is not None:
            self._meter.add("sidecar_errors", path=path, code=code)
