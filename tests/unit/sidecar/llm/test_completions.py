"""Whole completions."""

from collections.abc import AsyncGenerator

import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.llm.completions import complete
from sidecar.llm.protocol import StreamEvent, Usage
from sidecar.llm.schemas import ChatRequest
from tests.unit.sidecar.llm.echo_engine import EchoEngine

REQUEST = ChatRequest.model_validate({"messages": [{"role": "user", "content": "milk and eggs"}]})


class Watched(EchoEngine):
    """Records whether a completion was read to its end; else its generation is cancelled."""

    read_to_end = False

    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        async for event in super().chat(request, tenant_id=tenant_id):
            yield event
        self.read_to_end = True


class Silent(EchoEngine):
    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        yield Usage("silent", 1, 0, ())


async def test_a_completion_is_read_to_its_end() -> None:
    engine = Watched()
    body = await complete(engine, REQUEST, tenant_id="t1")
    assert body["choices"][0]["message"]["content"] == "milk and eggs"
    assert engine.tenants == ["t1"]
    assert engine.read_to_end


async def test_an_engine_without_a_completion_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable):
        await complete(Silent(), REQUEST)
