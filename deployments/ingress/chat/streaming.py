"""Sends a chat completion as one JSON response or as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from deployments.ingress.chat.formats import ChatFormat
from deployments.ingress.chat.recording import ChatRecorder
from deployments.ingress.disconnect import cancel_on_disconnect
from sidecar.core.errors import ClientDisconnected, DatabaseUnavailable, ServiceError
from sidecar.llm.protocol import Chunk, Completion, StreamEvent, Usage

StreamEvents = AsyncGenerator[StreamEvent, None]


@asynccontextmanager
async def record_disconnect(recorder: ChatRecorder) -> AsyncIterator[None]:
    """Record a disconnect, whether the handler notices it or Serve cancels the handler."""
    try:
        yield
    except (ClientDisconnected, asyncio.CancelledError):
        with suppress(DatabaseUnavailable):
            await asyncio.shield(asyncio.create_task(recorder.fail(ClientDisconnected())))
        raise


async def whole_response(
    events: StreamEvents, recorder: ChatRecorder, chat_format: ChatFormat
) -> JSONResponse:
    """Return the whole completion once it is recorded."""
    body: Mapping[str, Any] = {}
    async with aclosing(events):
        async for event in events:
            match event:
                case Completion():
                    body = event.body
                case Usage():
                    await recorder.complete(event, body)
    return JSONResponse(chat_format.whole(body))


class EventStreamResponse(Response):
    """A completion as server-sent events, each sent at once; ends when the client disconnects."""

    def __init__(
        self,
        first: StreamEvent,
        events: StreamEvents,
        recorder: ChatRecorder,
        chat_format: ChatFormat,
        until_sent: ExitStack,
    ) -> None:
        """Create the response: `first`, then `events`, after which `until_sent` is closed."""
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._first = first
        self._events = events
        self._recorder = recorder
        self._format = chat_format
        self._until_sent = until_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._until_sent, suppress(ClientDisconnected):
            async with aclosing(self._events), record_disconnect(self._recorder):
                await cancel_on_disconnect(receive, self._stream(scope, send))

    async def _stream(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await self._send_event(self._first, send)
            async for event in self._events:
                await self._send_event(event, send)
        except ServiceError as error:
            # The status has been sent; clients expect the error as an event.
            scope["state"]["log"]["code"] = error.code
            await _send(self._format.error(error), send)
            with suppress(DatabaseUnavailable):
                await self._recorder.fail(error)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_event(self, event: StreamEvent, send: Send) -> None:
        match event:
            case Chunk():
                self._recorder.on_chunk(event)
                await _send(self._format.chunk(event), send)
            case Usage():
                await self._recorder.complete(event)
                await _send(self._format.end(event), send)


async def _send(body: bytes, send: Send) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})
