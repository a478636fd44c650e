"""What Ray Serve says in plain text reaches the caller in the contract's shape."""

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.serving.proxy_errors import ShapedErrors


async def through(response: Response) -> httpx.Response:
    response.headers["x-request-id"] = "r1"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    wrapped: ASGIApp = ShapedErrors(app)
    transport = httpx.ASGITransport(wrapped)
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as client:
        return await client.get("/")


@pytest.mark.parametrize(
    ("status", "shaped", "code"),
    [
        (503, 503, "overloaded"),
        (408, 504, "timeout"),
        (404, 503, "overloaded"),  # Serve knows no route when the service is not there
        (500, 500, "internal"),
    ],
)
async def test_serves_own_errors_are_shaped(status: int, shaped: int, code: str) -> None:
    answer = await through(PlainTextResponse("Request dropped due to backpressure", status))
    assert (answer.status_code, answer.json()["code"]) == (shaped, code)
    assert answer.json()["request_id"] == "r1"
    assert answer.headers.get_list("x-request-id") == ["r1"]
    assert ("retry-after" in answer.headers) == (shaped == 503)
    assert "backpressure" not in answer.text


async def test_the_ingress_own_answers_pass_untouched() -> None:
    error = await through(JSONResponse({"code": "mine"}, 503))
    assert (error.status_code, error.json()) == (503, {"code": "mine"})
    text = await through(PlainTextResponse("success"))
    assert (text.status_code, text.text) == (200, "success")
