"""Pages for people: their headers, their errors, their live parts, and whose forms are heeded."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, StreamingResponse

from deployments.dashboard.templates import Pages
from deployments.ingress.csrf import refuse_other_sites
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


def page(html: str, status: int = 200) -> HTMLResponse:
    """A page, or a part of one."""
    return HTMLResponse(html, status, _HEADERS)


def page_route(pages: Pages) -> type[APIRoute]:
    """Routes whose errors are pages too, and whose forms answer to this site alone."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_as_page(request: Request) -> Response:
                try:
                    if request.method not in ("GET", "HEAD"):
                        refuse_other_sites(request.headers)
                    return await handle(request)
                except ServiceError as error:
                    request.state.log["code"] = error.code
                    html = pages.render(
                        "error.html", error=error, request_id=request.state.request_id, here=""
                    )
                    return page(html, error.status)

            return handle_as_page

    return PageRoute


def events(
    parts: AsyncIterator[str | None], *, pause_s: float, seconds: float
) -> StreamingResponse:
    """Server-sent events, each a part of a page (live.js); None is nothing new. Asks for the next
    after each pause; after the last one comes the event `end`.

    Ends after so many seconds, before the proxy would cut it; the browser then connects again.
    """

    async def stream() -> AsyncIterator[str]:
        deadline = asyncio.get_running_loop().time() + seconds
        yield "retry: 1000\n\n"
        try:
            async for html in parts:
                if html is not None:
                    data = "\n".join(f"data: {line}" for line in html.splitlines())
                    yield f"event: part\n{data}\n\n"
                if asyncio.get_running_loop().time() > deadline:
                    return
                await asyncio.sleep(pause_s)
        except ServiceError as error:  # the browser connects again, and hears of it as a page
            log.warning("a live page broke off", extra={"code": error.code})
            return
        yield "event: end\ndata:\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers=_HEADERS)
