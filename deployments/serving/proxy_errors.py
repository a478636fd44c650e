"""Errors that Ray Serve answers itself (overload, its own timeout, a replica that died) in the
contract's shape.

Serve loads `middlewares` where the environment names it in
RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH; deployments/launcher/main.py does.
"""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http.error_responses import error_response
from sidecar.core.errors import DeadlineExceeded, Overloaded, ServiceError

_SHAPES: dict[int, ServiceError] = {
    # The service takes every path, so Serve finds none when the service is not there.
    404: Overloaded("The service is starting or restarting; try again.", retry_after_s=1),
    408: DeadlineExceeded("The request ran out of its time limit."),
    503: Overloaded(retry_after_s=1),
}


def middlewares() -> list[Middleware]:
    """What Serve wraps around its proxy."""
    return [Middleware(ShapedErrors)]


class ShapedErrors:
    """Replaces an error in plain text, which only Serve itself writes; everything else passes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        replaced = False

        async def shaping(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                plain = headers.get("content-type", "").startswith("text/plain")
                if message["status"] >= 400 and plain:
                    replaced = True
                    request_id = headers.get("x-request-id", "")
                    error = _SHAPES.get(message["status"], ServiceError())
                    response = error_response(error, request_id, scope["path"])
                    response.headers["x-request-id"] = request_id
                    await response(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, shaping)
