"""Anthropic's messages and the events of their streams as types, for the OpenAPI document."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

_StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]


class TextContent(TypedDict):
    """What the model says."""

    type: Literal["text"]
    text: str


class ThinkingContent(TypedDict):
    """What the model thought before."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class ToolUseContent(TypedDict):
    """A call of a tool."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


class MessageUsage(TypedDict):
    """The tokens of the prompt and of the answer."""

    input_tokens: int
    output_tokens: int


class MessageAnswer(TypedDict):
    """Anthropic's message."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[ThinkingContent | TextContent | ToolUseContent]
    stop_reason: _StopReason | None
    stop_sequence: str | None
    usage: MessageUsage


class MessageEvent(TypedDict):
    """An event of a stream; the fields beside `type` depend on it."""

    type: Literal[
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    message: NotRequired[MessageAnswer]
    index: NotRequired[int]
    content_block: NotRequired[ThinkingContent | TextContent | ToolUseContent]
    delta: NotRequired[dict[str, Any]]
    usage: NotRequired[MessageUsage]
