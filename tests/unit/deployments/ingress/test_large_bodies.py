"""What callers send is held in memory only up to a bound."""

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from deployments.ingress.draining import DrainGate
from deployments.ingress.middleware import RequestContextMiddleware
from sidecar.core.metrics import NULL_METER

LIMIT = 1_000


class Slow:
    """An application that reads the body at once and answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.started = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.started.release()
        await self.go_on.wait()
        await PlainTextResponse("done")(scope, receive, send)


async def test_large_bodies_beyond_the_bound_are_refused_at_once_and_taken_again_later() -> None:
    slow = Slow()
    app = RequestContextMiddleware(
        slow,
        max_body_bytes=LIMIT,
        authenticate=lambda scope: True,
        new_request_id=lambda: "id",
        meter=NULL_METER,
        drain_gate=DrainGate(),
    )

    async def post() -> int:
        answers: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"a" * LIMIT, "more_body": False}

        async def send(message: Message) -> None:
            answers.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        await app(scope, receive, send)
        return int(answers[0]["status"])

    under_way = [asyncio.create_task(post()) for _ in range(8)]
    async with asyncio.timeout(5):
        for _ in under_way:
            await slow.started.acquire()
    assert await post() == 503
    slow.go_on.set()
    assert await asyncio.gather(*under_way) == [200] * 8
    assert await post() == 200
