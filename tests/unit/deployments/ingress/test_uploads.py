"""Unfinished bodies end, and the slowest of too many ends first."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive, Scope

from deployments.ingress import uploads
from deployments.ingress.uploads import BodyReader
from sidecar.core.errors import BadRequest, Overloaded, RequestTimeout, TooLarge

SCOPE: Scope = {"type": "http", "headers": []}


class Body:
    """A body that arrives in chunks as the test sends them."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, chunk: bytes, *, last: bool = False) -> None:
        self._messages.put_nowait({"type": "http.request", "body": chunk, "more_body": not last})

    async def receive(self) -> Message:
        return await self._messages.get()


async def read(reader: BodyReader, receive: Receive) -> bytes:
    async with reader.read(SCOPE, receive) as body:
        return body


async def test_a_body_is_read_whole() -> None:
    body = Body()
    body.send(b"ab")
    body.send(b"cd", last=True)
    assert await read(BodyReader(4), body.receive) == b"abcd"


async def test_a_body_over_the_limit_is_refused_when_it_is_declared_or_arrives() -> None:
    body = Body()
    body.send(b"abc")
    with pytest.raises(TooLarge):
        await read(BodyReader(2), body.receive)
    declared: Scope = {"type": "http", "headers": [(b"content-length", b"3")]}
    with pytest.raises(TooLarge):
        async with BodyReader(2).read(declared, body.receive):
            pass


async def test_a_disconnect_ends_the_body() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(BadRequest):
        await read(BodyReader(2), receive)


async def test_a_body_without_progress_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PROGRESS_S", 0.05)
    body = Body()
    body.send(b"a")
    with pytest.raises(RequestTimeout):
        await read(BodyReader(9), body.receive)


async def test_a_body_that_drips_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PROGRESS_S", 0.2)

    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"a", "more_body": True}

    async with asyncio.timeout(30):
        with pytest.raises(RequestTimeout):
            await read(BodyReader(2**20), receive)


async def test_one_unfinished_body_too_many_ends_the_one_that_stalled_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "_MAX_UNFINISHED", 3)
    reader = BodyReader(2**20)
    bodies = [Body() for _ in range(4)]

    async def settle(condition: Callable[[], bool] = lambda: True) -> None:
        for _ in range(10):
            await asyncio.sleep(0.001)
        while not condition():
            await asyncio.sleep(0.001)

    reading = []
    for body in bodies[:3]:
        reading.append(asyncio.create_task(read(reader, body.receive)))
        await settle()
    bodies[0].send(b"x" * 20_000)  # progress: the second is now the slowest
    bodies[1].send(b"x" * 100)
    await settle()
    reading.append(asyncio.create_task(read(reader, bodies[3].receive)))
    await settle(reading[1].done)
    with pytest.raises(Overloaded):
        await reading[1]
    for body in bodies:
        body.send(b"", last=True)
    assert [len(await reading[n]) for n in (0, 2, 3)] == [20_000, 0, 0]


async def test_bodies_are_bounded_by_their_memory_until_they_are_answered() -> None:
    reader = BodyReader(10)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * 10, "more_body": False}

    async with asyncio.TaskGroup() as group:
        release = asyncio.Event()

        async def hold() -> None:
            async with reader.read(SCOPE, receive):
                await release.wait()

        for _ in range(8):
            group.create_task(hold())
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await read(reader, receive)
        release.set()
    assert len(await read(reader, receive)) == 10
