"""Ray Serve's own error responses (overload, timeout, dead replica) in the API's shape.

Serve loads `middlewares` through RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH, which
deployments/launcher/ray_cluster.py sets.
"""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http.error_responses import error_response
from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError

_ERRORS: dict[int, ServiceError] = {
    # The ingress serves every path, so a 404 means that Serve has no ingress.
    404: Overloaded("The service is starting or restarting; try again.", retry_after_s=1),
    408: DeadlineExceeded("The request exceeded its time limit."),
    503: Overloaded(retry_after_s=1),
}


def middlewares() -> list[Middleware]:
    """Return the middleware that Serve adds to its proxy."""
    return [Middleware(ProxyErrorMiddleware)]


class ProxyErrorMiddleware:
    """Replaces plain-text errors, which only Serve itself sends; answers where Serve fails to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, replaced = False, False

        async def send_or_replace(message: Message) -> None:
            nonlocal started, replaced
            started = True
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                is_plain_text = headers.get("content-type", "").startswith("text/plain")
                if message["status"] >= 400 and is_plain_text:
                    replaced = True
                    request_id = headers.get("x-request-id", "")
                    error = _ERRORS.get(message["status"], ServiceError())
                    response = error_response(error, request_id, scope["path"])
                    response.headers["x-request-id"] = request_id
                    await response(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, send_or_replace)
        if not started:  # the replica died with the request, and Serve sends nothing
            await error_response(_ERRORS[503], "", scope["path"])(scope, receive, send)
