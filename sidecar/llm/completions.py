"""Asking the engine for one whole answer, as the rest of the service does."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from sidecar.core.errors import ModelUnavailable
from sidecar.llm.protocol import ChatEngine, Completion
from sidecar.llm.schemas import ChatRequest


async def complete(engine: ChatEngine, request: ChatRequest) -> Mapping[str, Any]:
    """The answer as OpenAI's chat.completion; `request` doesn't stream.

    Raises as the engine does, and ModelUnavailable when it gives none.
    """
    async with aclosing(engine.chat(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Completion):
                return piece.body
    raise ModelUnavailable("The language model gave no answer.")


def json_schema_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A `response_format` that holds the answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
