"""An ingress that is about to stop: nobody comes in, and who is inside is answered."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deployments.ingress.draining import DrainGate
from deployments.ingress.middleware import RequestContextMiddleware
from sidecar.core.metrics import NULL_METER


async def test_a_shut_door_lets_nobody_in_and_who_is_inside_is_answered() -> None:
    drain_gate, inside, go_on = DrainGate(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await go_on.wait()
        await PlainTextResponse("done")(scope, receive, send)

    app = RequestContextMiddleware(
        slow,
        max_body_bytes=1_000,
        authenticate=lambda scope: True,
        new_request_id=lambda: "id",
        meter=NULL_METER,
        drain_gate=drain_gate,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        under_way = asyncio.create_task(client.get("/"))
        await inside.wait()
        assert drain_gate.begin_drain() == 1
        refused = await client.get("/")
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
        assert int(refused.headers["retry-after"]) > 0
        assert drain_gate.begin_drain() == 1
        go_on.set()
        assert (await under_way).text == "done"
    assert drain_gate.begin_drain() == 0
