"""An ingress that is about to stop: nobody comes in, and who is inside is answered."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deployments.ingress.draining import Door
from deployments.ingress.middleware import RequestScope
from sidecar.core.metrics import UNMETERED


async def test_a_shut_door_lets_nobody_in_and_who_is_inside_is_answered() -> None:
    door, inside, go_on = Door(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await go_on.wait()
        await PlainTextResponse("done")(scope, receive, send)

    app = RequestScope(
        slow,
        max_body_bytes=1_000,
        admit=lambda scope: True,
        new_request_id=lambda: "id",
        meter=UNMETERED,
        door=door,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        under_way = asyncio.create_task(client.get("/"))
        await inside.wait()
        assert door.shut() == 1
        refused = await client.get("/")
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
        assert int(refused.headers["retry-after"]) > 0
        assert door.shut() == 1
        go_on.set()
        assert (await under_way).text == "done"
    assert door.shut() == 0
