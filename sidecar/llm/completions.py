"""Whole completions, for callers that don't stream."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from sidecar.core.errors import ModelUnavailable
from sidecar.llm.protocol import ChatEngine, Completion
from sidecar.llm.schemas import ChatRequest


async def complete(
    engine: ChatEngine, request: ChatRequest, *, tenant_id: str | None = None
) -> Mapping[str, Any]:
    """Return OpenAI's chat.completion for `request`, which must not stream.

    Raises the engine's errors, and ModelUnavailable when it returns no completion.
    """
    body: Mapping[str, Any] | None = None
    async with aclosing(engine.chat(request, tenant_id=tenant_id)) as events:
        async for event in events:  # to the end: closed before, a generation is cancelled
            if isinstance(event, Completion):
                body = event.body
    if body is None:
        raise ModelUnavailable("The language model returned no completion.")
    return body


def json_schema_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `response_format` that restricts the completion to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
