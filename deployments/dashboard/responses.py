"""HTML responses: security headers, error pages, live updates and the CSRF check of forms."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, StreamingResponse

from deployments.dashboard.templates import Templates
from deployments.http.csrf import check_same_site
from deployments.http.sse import html_event, retry_event
from sidecar.core.errors import ServiceError

log = logging.getLogger(__name__)

#: Allows only this service's own files: no inline scripts or styles, no framing and no forms to
#: other sites.
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
    """Return a page or a part of one, with the security headers."""
    return HTMLResponse(html, status, _HEADERS)


class HtmlRoute(APIRoute):
    """A route that shows errors as pages and accepts forms from this site only."""

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
    """Stream updates of a page's live part as server-sent events for live.js.

    `updates` yields HTML, or None for no change, with a pause between two updates; the event `end`
    follows the last one. The stream closes after `seconds`, before the proxy would cut it, and the
    browser then reconnects.
    """

    async def stream() -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        yield retry_event(1000)
        try:
            async for html in updates:
                if html is not None:
                    yield html_event(html)
                if clock() > deadline:
                    return
                await asyncio.sleep(pause_s)
        except ServiceError as error:  # the browser reconnects and gets an error page
            log.warning("live updates ended early", extra={"code": error.code})
            return
        yield b"event: end\ndata:\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers=_HEADERS)
