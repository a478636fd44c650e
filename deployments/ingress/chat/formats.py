"""The two protocols in which a completion is sent: OpenAI's and Anthropic's."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from deployments.http.error_responses import anthropic_error, openai_error
from deployments.http.sse import json_event
from sidecar.core.errors import ServiceError
from sidecar.llm.anthropic.answers import Event, MessageStream, message
from sidecar.llm.protocol import Chunk, Usage

_DONE: Final = json_event("[DONE]")


class ChatFormat(Protocol):
    """Builds the answers of one request; a stream's parts are framed server-sent events."""

    def whole(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a chat.completion as the protocol has it."""

    def chunk(self, chunk: Chunk) -> bytes:
        """Return the events of a piece of the stream."""

    def end(self, usage: Usage) -> bytes:
        """Return the last events of a stream."""

    def error(self, error: ServiceError) -> bytes:
        """Return the last events of a stream that failed."""


class OpenAIFormat:
    """Chat completions as the engine makes them."""

    def whole(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return body

    def chunk(self, chunk: Chunk) -> bytes:
        return json_event(chunk.json)

    def end(self, usage: Usage) -> bytes:
        return _DONE

    def error(self, error: ServiceError) -> bytes:
        return json_event(json.dumps(openai_error(error))) + _DONE


class AnthropicFormat:
    """Messages, one a request."""

    def __init__(self, message_id: str, model: str | None) -> None:
        self._id = message_id
        self._stream = MessageStream(message_id, model)

    def whole(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return message(body, self._id)

    def chunk(self, chunk: Chunk) -> bytes:
        return _framed(self._stream.chunk(chunk.json))

    def end(self, usage: Usage) -> bytes:
        return _framed(self._stream.end(usage))

    def error(self, error: ServiceError) -> bytes:
        return _framed([("error", anthropic_error(error))])


def _framed(events: Iterable[Event]) -> bytes:
    return b"".join(
        json_event(json.dumps(data, ensure_ascii=False), event=name) for name, data in events
    )
