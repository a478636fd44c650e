"""Messages of Anthropic's become the chat completion that asks the same."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.core.errors import ValidationFailed
from sidecar.llm.anthropic.requests import chat_request
from sidecar.llm.anthropic.schemas import MessagesRequest

PRICE = {"name": "get_price", "description": "A price.", "input_schema": {"type": "object"}}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def wire(content: Any = "Hi", **fields: Any) -> dict[str, Any]:
    messages = fields.pop("messages", [{"role": "user", "content": content}])
    body = {"max_tokens": 9, "messages": messages, **fields}
    return chat_request(MessagesRequest.model_validate(body)).wire()


def test_text_and_parameters() -> None:
    assert wire(
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        model="m",
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        stream=True,
    ) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a\nb"},
        ],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop": ["END"],
        "stream": True,
    }


def test_a_conversation_with_a_tool() -> None:
    messages = [
        {"role": "user", "content": "What does milk cost?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I'll look it up.", "signature": ""},
                {"type": "text", "text": "A moment."},
                {"type": "tool_use", "id": "c1", "name": "get_price", "input": {"item": "mjölk"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [
                        {"type": "text", "text": "1.20"},
                        {"type": "image", "source": PIXEL},
                    ],
                },
                {"type": "text", "text": "And butter?"},
            ],
        },
    ]
    sent = wire(messages=messages, tools=[PRICE])["messages"]
    assert sent[1] == {
        "role": "assistant",
        "content": "A moment.",
        "reasoning": "I'll look it up.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "get_price", "arguments": '{"item": "mjölk"}'},
            }
        ],
    }
    assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": "1.20"}
    assert sent[3] == {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "text", "text": "And butter?"},
        ],
    }


def test_a_tool_that_failed_says_so() -> None:
    result = {"type": "tool_result", "tool_use_id": "c", "content": "no shop", "is_error": True}
    assert wire([result])["messages"][0]["content"] == "Error: no shop"
    assert wire([{"type": "tool_result", "tool_use_id": "c"}])["messages"][0]["content"] == ""


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "get_price", "disable_parallel_tool_use": True},
            {
                "tool_choice": {"type": "function", "function": {"name": "get_price"}},
                "parallel_tool_calls": False,
            },
        ),
    ],
)
def test_the_choice_of_a_tool(choice: dict[str, Any], fields: dict[str, Any]) -> None:
    sent = wire(tools=[PRICE], tool_choice=choice)
    assert {name: sent[name] for name in fields} == fields
    [tool] = sent["tools"]
    assert tool["function"]["parameters"] == {"type": "object"}


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [("enabled", "medium"), ("adaptive", "medium"), ("disabled", "none")],
)
def test_thinking(thinking: str, effort: str) -> None:
    sent = wire(thinking={"type": thinking, "budget_tokens": 2000})
    assert sent["reasoning_effort"] == effort


def test_an_answer_of_a_schema() -> None:
    schema = {"type": "object", "properties": {"price": {"type": "number"}}}
    sent = wire(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert sent["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "The answer is"}]},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "1"}]}]},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"temperature": 1.5},
        {"temperature": float("nan")},
        {"tool_choice": {"type": "tool"}},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"stop_sequences": ["", "a"]},
    ],
)
def test_what_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wire(**fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": [PRICE, PRICE]}, "unique names"),
        ({"tools": [PRICE], "tool_choice": {"type": "tool", "name": "other"}}, "tool_choice"),
        ({"tool_choice": {"type": "any"}}, "tool_choice needs tools"),
        ({"tools": [{**PRICE, "input_schema": {"enum": ["x" * 70_000]}}]}, "the limit is"),
    ],
)
def test_what_only_the_whole_shows_is_refused_in_a_sentence(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationFailed, match=words):
        wire(**fields)


def test_every_field_of_a_tool_call_survives_json() -> None:
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": [1, {"b": None}]}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": "ok"}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    [sent] = wire(messages=messages)["messages"][1]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"a": [1, {"b": None}]}
