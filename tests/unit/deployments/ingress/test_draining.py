"""Draining refuses new requests and finishes those in flight."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deployments.ingress.draining import DrainGate
from deployments.ingress.middleware import RequestContextMiddleware
from sidecar.core.metrics import NULL_METER


async def test_draining_refuses_new_requests_and_finishes_those_in_flight() -> None:
    drain_gate, started, proceed = DrainGate(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        await proceed.wait()
        await PlainTextResponse("done")(scope, receive, send)

    app = RequestContextMiddleware(
        slow,
        max_body_bytes=1_000,
        authenticate=lambda scope: True,
        check_host=lambda host: None,
        new_request_id=lambda: "id",
        meter=NULL_METER,
        drain_gate=drain_gate,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        in_flight = asyncio.create_task(client.get("/"))
        await started.wait()
        assert drain_gate.begin_drain() == 1
        refused = await client.get("/")
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
        assert int(refused.headers["retry-after"]) > 0
        assert drain_gate.begin_drain() == 1
        proceed.set()
        assert (await in_flight).text == "done"
    assert drain_gate.begin_drain() == 0
