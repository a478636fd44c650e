"""Anthropic's own client against the real service and its engine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.service import Service

if TYPE_CHECKING:
    from anthropic import Anthropic

MODEL = "smollm2-135m-instruct"
CAPITAL: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
PRICE: Any = {
    "name": "get_price",
    "input_schema": {
        "type": "object",
        "properties": {"item": {"type": "string", "maxLength": 12}},
        "required": ["item"],
        "additionalProperties": False,
    },
}
TOOL: dict[str, Any] = {
    "tools": [PRICE],
    "tool_choice": {"type": "tool", "name": "get_price"},
    "messages": [{"role": "user", "content": "What does milk cost? Use the tool."}],
}


@pytest.fixture
def anthropic(engine: Service) -> Iterator["Anthropic"]:
    from anthropic import Anthropic

    headers = {"x-tenant-id": "acceptance"}
    with Anthropic(
        base_url=engine.url, api_key="none", default_headers=headers, max_retries=0, timeout=60
    ) as client:
        yield client


def test_a_message_and_the_same_as_a_stream(anthropic: "Anthropic") -> None:
    # top_k 1: the client has deprecated `temperature`.
    asked: Any = {"model": MODEL, "max_tokens": 20, "messages": CAPITAL, "extra_body": {"top_k": 1}}
    whole = anthropic.messages.create(**asked)
    [block] = whole.content
    assert block.type == "text"
    assert block.text
    assert 0 < whole.usage.output_tokens <= 20
    assert whole.stop_reason in ("end_turn", "max_tokens")
    with anthropic.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert streamed.content[0].type == "text"
    assert streamed.content[0].text == block.text
    assert streamed.usage == whole.usage
    assert streamed.stop_reason == whole.stop_reason


@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_tool_is_called(anthropic: "Anthropic", stream: bool) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 100, "extra_body": {"top_k": 1}, **TOOL}
    if stream:
        with anthropic.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = anthropic.messages.create(**asked)
    [call] = message.content
    assert call.type == "tool_use"
    assert call.name == "get_price"
    assert set(call.input) == {"item"}
    assert message.stop_reason == "tool_use"


def test_what_is_wrong_is_anthropics_own_error(anthropic: "Anthropic") -> None:
    from anthropic import BadRequestError, NotFoundError

    with pytest.raises(BadRequestError, match="last message"):
        anthropic.messages.create(
            model=MODEL, max_tokens=5, messages=[{"role": "assistant", "content": "So"}]
        )
    with pytest.raises(NotFoundError):
        anthropic.messages.create(model="no-such-model", max_tokens=5, messages=CAPITAL)
