"""The engine's interface, and the events of a completion."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sidecar.llm.schemas import ChatRequest


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed completion: a chat.completion.chunk as JSON text."""

    json: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole completion: a chat.completion as JSON."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """The token counts of a completion; always the last event."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    finish_reasons: tuple[str | None, ...]  # one per choice


StreamEvent = Chunk | Completion | Usage


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine's health; "off" means that the service has no engine."""

    status: Literal["ok", "loading", "down", "off"]
    detail: str


class ChatEngine(Protocol):
    """The engine as callers see it. Every call raises ServiceErrors only."""

    def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """Yield Chunks when `request.stream`, else one Completion; then the Usage.

        Only requests of the same tenant share the cache of prompts; None is the service itself.
        Closing the iterator cancels the generation. Raises BadRequest or a subclass when the model
        can't process the request, and ModelUnavailable, Overloaded or DeadlineExceeded.
        """

    async def forget(self, tenant_id: str) -> None:
        """Make what is cached of the tenant's prompts unreachable; without an engine, nothing is.

        Raises ModelUnavailable when a replica doesn't answer.
        """

    async def models(self) -> Mapping[str, Any]:
        """Return OpenAI's list of models. Raises ModelUnavailable when the engine is down."""

    async def state(self) -> EngineState:
        """Return the engine's health; doesn't raise when the engine is down."""
