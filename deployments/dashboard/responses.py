"""HTML responses: their security headers, error pages, live parts and form checks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from fastapi.sse import format_sse_event
from starlette.responses import HTMLResponse, StreamingResponse

from deployments.dashboard.templates import Templates
from deployments.http.csrf import check_same_site
from sidecar.core.errors import ServiceError

log = logging.getLogger(__name__)

#: Nothing but this service's own files: no inline script or style, no frame around it, no form
#: that leads elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


def html_response(html: str, status: int = 200) -> HTMLResponse:
    """Return a page, or a part of one."""
    return HTMLResponse(html, status, _HEADERS)


class HtmlRoute(APIRoute):
    """A route whose errors are pages too, and whose forms only this site's pages may send."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def handle_as_page(request: Request) -> Response:
            try:
                if request.method not in ("GET", "HEAD"):
                    check_same_site(request.headers)
                return await handle(request)
            except ServiceError as error:
                request.state.log["code"] = error.code
                templates: Templates = request.app.state.dashboard.templates
                html = templates.render(
                    "error.html", error=error, request_id=request.state.request_id, here=""
                )
                return html_response(html, error.status)

        return handle_as_page


def html_events(
    updates: AsyncIterator[str | None], *, pause_s: float, seconds: float
) -> StreamingResponse:
    """Stream parts of a page as server-sent events (live.js); None means nothing new.

    The next update is asked for after each pause; after the last one comes the event `end`. The
    stream closes after `seconds`, before the proxy would cut it; the browser then connects again.
    """

    async def stream() -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        yield format_sse_event(retry=1000)
        try:
            async for html in updates:
                if html is not None:
                    yield format_sse_event(event="part", data_str=html)
                if clock() > deadline:
                    return
                await asyncio.sleep(pause_s)
        except ServiceError as error:  # the browser connects again, and then gets an error page
            log.warning("a live page ended early", extra={"code": error.code})
            return
        yield b"event: end\ndata:\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers=_HEADERS)
