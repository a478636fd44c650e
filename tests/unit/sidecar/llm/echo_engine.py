"""An engine for tests that repeats the last message, word by word."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.core.errors import ServiceError
from sidecar.llm.protocol import Chunk, Completion, EngineState, StreamEvent, Usage
from sidecar.llm.schemas import ChatRequest

MODEL = "echo"


@dataclass
class EchoEngine:
    """Records its `requests`, their `tenants` and those it was to forget.

    Sets `closed` when a completion has ended.
    """

    status: EngineState = field(default_factory=lambda: EngineState("ok", "1 replica"))
    fails_with: ServiceError | None = None
    fails_after: int | None = None  # words of a stream
    never_ends: bool = False
    reply: str | None = None  # instead of the last message
    finish_reason: str = "stop"
    requests: list[ChatRequest] = field(default_factory=list)
    tenants: list[str | None] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        self.requests.append(request)
        self.tenants.append(tenant_id)
        if self.fails_with is not None and self.fails_after is None:
            raise self.fails_with
        words = (self.reply or str(request.messages[-1].content)).split()
        try:
            if request.stream:
                for number, word in enumerate(words):
                    if number == self.fails_after and self.fails_with is not None:
                        raise self.fails_with
                    yield Chunk(json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}))
            if self.never_ends:
                await asyncio.Event().wait()
            if not request.stream:
                content = " ".join(words) if self.reply is None else self.reply
                message = {"role": "assistant", "content": content}
                choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
                usage = {"prompt_tokens": 7, "completion_tokens": len(words), "total_tokens": 7}
                head = {"id": "echo-1", "object": "chat.completion", "created": 1, "model": MODEL}
                yield Completion({**head, "choices": [choice], "usage": usage})
            yield Usage(MODEL, 7, len(words), ("stop",))
        finally:
            self.closed.set()

    async def forget(self, tenant_id: str) -> None:
        self.forgotten.append(tenant_id)

    async def models(self) -> Mapping[str, Any]:
        if self.fails_with is not None:
            raise self.fails_with
        model = {"id": MODEL, "object": "model", "created": 1, "owned_by": "tests"}
        return {"object": "list", "data": [model]}

    async def state(self) -> EngineState:
        return self.status
