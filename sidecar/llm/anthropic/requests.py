"""Translates a request of Anthropic's Messages API into a chat completion's."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from sidecar.core.errors import ValidationFailed
from sidecar.core.validation_errors import describe_errors
from sidecar.llm.anthropic.schemas import (
    AssistantTurn,
    ImageBlock,
    MessagesRequest,
    TextBlock,
    ThinkingBlock,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    UserTurn,
)
from sidecar.llm.schemas import ChatRequest

_OPENAI_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def chat_request(request: MessagesRequest) -> ChatRequest:
    """Return the chat completion that answers `request`.

    Raises:
        ValidationFailed: for what only the whole shows, such as two tools of one name.
    """
    fields = _fields(request)
    try:
        return ChatRequest.model_validate(fields)
    except ValidationError as error:
        raise ValidationFailed(describe_errors(error.errors(), body=fields)) from error


def _fields(request: MessagesRequest) -> dict[str, Any]:
    messages = [message for turn in request.messages for message in _messages(turn)]
    if system := _system(request):
        messages.insert(0, {"role": "system", "content": system})
    fields: dict[str, Any] = {"messages": messages, "max_completion_tokens": request.max_tokens}
    for name in ("model", "stream", "temperature", "top_p"):
        if (value := getattr(request, name)) is not None:
            fields[name] = value
    if request.top_k:
        fields["top_k"] = request.top_k
    if request.stop_sequences:
        fields["stop"] = list(request.stop_sequences)
    if request.tools:
        fields["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.input_schema,
                },
            }
            for tool in request.tools
        ]
    if request.tool_choice:
        fields |= _tool_choice(request.tool_choice)
    if request.thinking:
        fields["reasoning_effort"] = "none" if request.thinking.type == "disabled" else "medium"
    if request.output_config and request.output_config.format:
        schema = {"name": "answer", "schema": request.output_config.format.schema_}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def _system(request: MessagesRequest) -> str:
    if isinstance(request.system, str):
        return request.system
    return "\n\n".join(block.text for block in request.system or ())


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tool_choice": {"type": "function", "function": {"name": choice.name}}
        if choice.type == "tool"
        else _OPENAI_CHOICES[choice.type]
    }
    if choice.disable_parallel_tool_use:
        fields["parallel_tool_calls"] = False
    return fields


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    return _answer(turn) if isinstance(turn, AssistantTurn) else _questions(turn)


def _answer(turn: AssistantTurn) -> list[dict[str, Any]]:
    """Return the model's earlier answer: its thoughts, its text and its calls in one message."""
    blocks = turn.content
    texts = [block.text for block in blocks if isinstance(block, TextBlock)]
    thoughts = [block.thinking for block in blocks if isinstance(block, ThinkingBlock)]
    calls = [
        {
            "id": block.id,
            "type": "function",
            "function": {
                "name": block.name,
                "arguments": json.dumps(block.input, ensure_ascii=False),
            },
        }
        for block in blocks
        if isinstance(block, ToolUseBlock)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": "\n".join(texts)}
    if thoughts:
        message["reasoning"] = "\n".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    return [message]


def _questions(turn: UserTurn) -> list[dict[str, Any]]:
    """Return a message of each tool's result, and one of what the user says.

    Images that a tool returns are the user's: chat templates know images only there.
    """
    messages: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for block in turn.content:
        if isinstance(block, ToolResultBlock):
            messages.append(
                {
                    "role": "tool",
                    "tool_call_id": block.tool_use_id,
                    "content": _result_text(block),
                }
            )
            if isinstance(block.content, tuple):
                parts += _parts(one for one in block.content if isinstance(one, ImageBlock))
        elif isinstance(block, TextBlock | ImageBlock):
            parts += _parts([block])
    if parts:
        messages.append({"role": "user", "content": _plain(parts)})
    return messages


def _result_text(block: ToolResultBlock) -> str:
    content = block.content or ""
    text = (
        content
        if isinstance(content, str)
        else "\n".join(one.text for one in content if isinstance(one, TextBlock))
    )
    return f"Error: {text}" if block.is_error else text


def _parts(blocks: Iterable[TextBlock | ImageBlock]) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": block.text}
        if isinstance(block, TextBlock)
        else {"type": "image_url", "image_url": {"url": block.url}}
        for block in blocks
    ]


def _plain(parts: Sequence[dict[str, Any]]) -> str | Sequence[dict[str, Any]]:
    """Return parts of text alone as one text, which every chat template takes."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts
