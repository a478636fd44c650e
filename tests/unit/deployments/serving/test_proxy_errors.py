"""Ray Serve's plain-text errors reach the client in the API's shape."""

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.serving.proxy_errors import ProxyErrorMiddleware


async def send_through_middleware(response: Response | None) -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if response is not None:
            response.headers["x-request-id"] = "r1"
            await response(scope, receive, send)

    wrapped: ASGIApp = ProxyErrorMiddleware(app)
    transport = httpx.ASGITransport(wrapped)
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as client:
        return await client.get("/")


@pytest.mark.parametrize(
    ("serve_status", "status", "code"),
    [
        (503, 503, "overloaded"),
        (408, 504, "timeout"),
        (404, 503, "overloaded"),  # Serve has no route while the ingress is down
        (500, 500, "internal"),
    ],
)
async def test_serves_own_errors_are_replaced(serve_status: int, status: int, code: str) -> None:
    response = await send_through_middleware(
        PlainTextResponse("Request dropped due to backpressure", serve_status)
    )
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["request_id"] == "r1"
    assert response.headers.get_list("x-request-id") == ["r1"]
    assert ("retry-after" in response.headers) == (status == 503)
    assert "backpressure" not in response.text


async def test_the_ingress_own_responses_pass_unchanged() -> None:
    error = await send_through_middleware(JSONResponse({"code": "mine"}, 503))
    assert (error.status_code, error.json()) == (503, {"code": "mine"})
    text = await send_through_middleware(PlainTextResponse("success"))
    assert (text.status_code, text.text) == (200, "success")


async def test_a_request_whose_replica_died_is_answered() -> None:
    answer = await send_through_middleware(None)
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert "retry-after" in answer.headers
