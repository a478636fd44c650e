"""OpenAI's chat completions and list of models."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from deployments.ingress.chat.images import with_image_data
from deployments.ingress.chat.recording import CHAT_COMPLETION, ChatRecord
from deployments.ingress.disconnect import unless_gone
from deployments.ingress.errors import openai_error
from deployments.ingress.events import EVENTS
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.tenant_limiter import Shares
from deployments.ingress.wire import tenant_of
from sidecar.core.errors import ClientLeft, DatabaseUnavailable, ServiceError
from sidecar.llm.protocol import Chunk, Completion, Piece, Usage
from sidecar.llm.schemas import ChatRequest

Pieces = AsyncGenerator[Piece, None]


def _openai(kind: str) -> dict[str, Any]:
    """What vLLM answers, which adds to OpenAI's own fields."""
    schema = {"type": "object", "required": ["object"], "properties": {"object": {"const": kind}}}
    return {"application/json": {"schema": schema}}


_MODELS: dict[int | str, dict[str, Any]] = {200: {"content": _openai("list")}}
_COMPLETION: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            **_openai("chat.completion"),
            **EVENTS,
        }
    }
}


def chat_router(parts: Parts) -> APIRouter:
    """POST /v1/chat/completions and GET /v1/models; their errors are in OpenAI's shape."""
    router = APIRouter(prefix="/v1", tags=["chat"], route_class=JsonRoute)
    shares = Shares(parts.settings.engine_tenant_requests)

    @router.get("/models", summary="OpenAI's list of models", responses=_MODELS)
    async def models() -> JSONResponse:
        return JSONResponse(await parts.engine.models())

    @router.post(
        "/chat/completions",
        summary="OpenAI's chat completion, streamed or whole",
        responses=_COMPLETION,
    )
    async def completions(request: Request, body: ChatRequest) -> Response:
        record = ChatRecord(
            parts,
            tenant_id=tenant_of(request, None if "x-tenant-id" in request.headers else body.user),
            request_id=request.state.request_id,
            request=body,
            started=time.perf_counter(),
        )
        request.state.log["feature"] = CHAT_COMPLETION
        with ExitStack() as held:
            held.enter_context(shares.hold(record.tenant_id))
            pieces = _pieces(parts, body)
            async with _abandoned_is_recorded(record):
                if not body.stream:
                    return await unless_gone(request.receive, _whole(pieces, record))
                # An error before the first piece is still an answer with a status of its own.
                first = await unless_gone(request.receive, anext(pieces))
            return _EventStream(first, pieces, record, held.pop_all())

    return router


@asynccontextmanager
async def _abandoned_is_recorded(record: ChatRecord) -> AsyncIterator[None]:
    """Whether Serve cancels the handler of a client that left or the handler sees it itself."""
    try:
        yield
    except (ClientLeft, asyncio.CancelledError):
        await asyncio.shield(asyncio.create_task(record.fail(ClientLeft())))
        raise


async def _pieces(parts: Parts, body: ChatRequest) -> Pieces:
    request = await with_image_data(body, parts.settings)
    async with aclosing(parts.engine.chat(request)) as pieces:
        async for piece in pieces:
            yield piece


async def _whole(pieces: Pieces, record: ChatRecord) -> JSONResponse:
    body: Mapping[str, Any] = {}
    async with aclosing(pieces):
        async for piece in pieces:
            match piece:
                case Completion():
                    body = piece.body
                case Usage():
                    await record.keep(piece, body)
    return JSONResponse(body)


class _EventStream(Response):
    """An answer as server-sent events, each sent as it comes; ends when the client leaves."""

    def __init__(self, first: Piece, pieces: Pieces, record: ChatRecord, held: ExitStack) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._first = first
        self._pieces = pieces
        self._record = record
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held, suppress(ClientLeft):
            async with aclosing(self._pieces), _abandoned_is_recorded(self._record):
                await unless_gone(receive, self._stream(scope, send))

    async def _stream(self, scope: Scope, send: Send) -> None:
        async def say(data: str) -> None:
            body = f"data: {data}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await self._pass_on(self._first, say)
            async for piece in self._pieces:
                await self._pass_on(piece, say)
        except ServiceError as error:
            # The status has been sent: OpenAI's clients look for an error among the events.
            scope["state"]["log"]["code"] = error.code
            await say(json.dumps(openai_error(error)))
            with suppress(DatabaseUnavailable):
                await self._record.fail(error)
        await say("[DONE]")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on(self, piece: Piece, say: Callable[[str], Awaitable[None]]) -> None:
        match piece:
            case Chunk():
                self._record.hear(piece)
                await say(piece.json)
            case Usage():
                await self._record.keep(piece)
