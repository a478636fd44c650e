"""What the engine answers, piece by piece, and how the rest of the service asks it."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sidecar.llm.schemas import ChatRequest


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a streamed answer: a chat.completion.chunk as JSON text."""

    json: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: the chat.completion as JSON."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """The last piece of every answer: what it took."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    finish_reasons: tuple[str | None, ...]  # one a choice


StreamEvent = Chunk | Completion | Usage


@dataclass(frozen=True, slots=True)
class EngineState:
    """How the engine is: off means that it is not part of this service."""

    status: Literal["ok", "loading", "down", "off"]
    detail: str


class ChatEngine(Protocol):
    """The engine as its callers see it. Every call raises ServiceErrors alone."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Chunks when `request.stream`, else one Completion; then the Usage.

        Closing the iterator ends the generation. Raises BadRequest and its kinds for what the
        model can't take, ModelUnavailable, Overloaded, and WorkTimeout.
        """
        ...

    async def models(self) -> Mapping[str, Any]:
        """OpenAI's list of models. Raises ModelUnavailable."""
        ...

    async def state(self) -> EngineState:
        """How it is; never raises for an engine that is away."""
        ...
