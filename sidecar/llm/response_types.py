"""OpenAI's chat completions as types. They are open, because vLLM adds fields to OpenAI's own."""

from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

_open = with_config(ConfigDict(extra="allow"))


@_open
class ToolFunction(TypedDict):
    """The function that the model calls."""

    name: str
    arguments: str


@_open
class ToolCallAnswer(TypedDict):
    """A call of a tool."""

    id: str
    type: Literal["function"]
    function: ToolFunction


@_open
class AnswerMessage(TypedDict):
    """The model's message."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: NotRequired[list[ToolCallAnswer]]


@_open
class ChatChoice(TypedDict):
    """One of `n` completions."""

    index: int
    message: AnswerMessage
    finish_reason: str | None
    logprobs: NotRequired[dict[str, Any] | None]


@_open
class TokenUsage(TypedDict):
    """The tokens of the prompt and of the completions."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@_open
class ChatCompletion(TypedDict):
    """OpenAI's chat.completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: TokenUsage


@_open
class ToolFunctionDelta(TypedDict):
    """A piece of a function's name or arguments."""

    name: NotRequired[str | None]
    arguments: NotRequired[str]


@_open
class ToolCallDelta(TypedDict):
    """A piece of a call of a tool."""

    index: int
    id: NotRequired[str | None]
    type: NotRequired[Literal["function"] | None]
    function: ToolFunctionDelta


@_open
class MessageDelta(TypedDict):
    """A piece of the model's message."""

    role: NotRequired[Literal["assistant"] | None]
    content: NotRequired[str | None]
    tool_calls: NotRequired[list[ToolCallDelta]]


@_open
class ChatChunkChoice(TypedDict):
    """A piece of one of `n` completions."""

    index: int
    delta: MessageDelta
    finish_reason: str | None


@_open
class ChatCompletionChunk(TypedDict):
    """OpenAI's chat.completion.chunk: one event of a stream, whose last event is `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: NotRequired[TokenUsage | None]


@_open
class ModelCard(TypedDict):
    """OpenAI's model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(TypedDict):
    """The models that answer now."""

    object: Literal["list"]
    data: list[ModelCard]
