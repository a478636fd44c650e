"""Only known fields of a chat request reach the engine, as they were sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.llm.schemas import MAX_GRAMMAR_BYTES, ChatRequest

MESSAGES = [{"role": "user", "content": "hello"}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def request(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"messages": MESSAGES, **fields})


def test_other_fields_of_vllm_never_reach_it() -> None:
    hostile = {
        "chat_template": "{{ x }}",
        "mm_processor_kwargs": {"size": 10**9},
        "media_io_kwargs": {},
        "structured_outputs": {"regex": "(a*)*"},
        "request_id": "mine",
        "priority": -1,
    }
    assert request(**hostile).wire() == {"messages": MESSAGES}


def test_parts_of_a_message_keep_only_known_fields() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:,", "uuid": "x"}, "uuid": "x"}
    sent = request(messages=[{"role": "user", "content": [part], "mm_uuids": "x"}])
    assert sent.wire()["messages"] == [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
    ]


def test_json_schemas_pass_unchanged_including_nulls() -> None:
    schema = {"enum": [None, 1], "default": None, "x": {"y": []}}
    format_ = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    sent = request(response_format=format_, tools=[tool], tool_choice="required").wire()
    assert sent["response_format"] == format_
    assert sent["tools"] == [tool]


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [WEATHER, WEATHER]},
        {"tool_choice": "required"},
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tools": [{"type": "function", "function": {"name": "no spaces"}}]},
        {"tools": [{"type": "function", "function": {
            "name": "f", "parameters": {"enum": ["x" * MAX_GRAMMAR_BYTES]}}}]},
        {"logit_bias": {"one": 1}},
        {"top_p": 0},
        {"stop": ["x"] * 5},
        {"messages": [{"role": "tool", "content": None}]},
    ],
)  # fmt: skip
def test_contradictory_requests_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**fields)


def test_images_are_found_and_replaced_in_order() -> None:
    def image(url: str) -> dict[str, Any]:
        return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}

    text = {"type": "text", "text": "what is this?"}
    sent = request(
        messages=[
            {"role": "system", "content": "look"},
            {"role": "user", "content": [image("a"), text, image("b")]},
            {"role": "user", "content": [image("a")]},
        ]
    )
    assert sent.image_urls == ("a", "b", "a")
    replaced = sent.with_images({"a": "data:1", "b": "data:2"})
    assert replaced.image_urls == ("data:1", "data:2", "data:1")
    assert replaced.wire()["messages"][1]["content"][1] == text
    assert replaced.wire()["messages"][2]["content"] == [image("data:1")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
    st.sampled_from(sorted(ChatRequest.model_fields)),
)
def test_any_value_of_any_field_is_validated_or_refused(value: object, field: str) -> None:
    try:
        sent = ChatRequest.model_validate({"messages": MESSAGES, field: value})
    except ValidationError:
        return
    assert set(sent.wire()) <= set(ChatRequest.model_fields)


def test_thoughts_of_an_earlier_answer_pass_by_either_name() -> None:
    for name in ("reasoning", "reasoning_content"):
        message = {"role": "assistant", "content": "hi", name: "hm"}
        [sent] = request(messages=[message]).wire()["messages"]
        assert sent == {"role": "assistant", "content": "hi", "reasoning": "hm"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"tokenize": True},
        {"add_generation_prompt": False},
        {"messages": "x"},
        {"documents": "x"},
        {"x": [1]},
        {"x": {"y": 1}},
        {"x": "a" * 1_001},
        {"x": 10**9},
        {"x": float("nan")},
        {"X y": 1},
        {f"x{number}": 1 for number in range(17)},
    ],
)
def test_arguments_of_the_template_are_few_and_small(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(chat_template_kwargs=arguments)


def test_arguments_of_the_template_pass_as_they_are() -> None:
    arguments = {"enable_thinking": False, "budget": 3, "identity": "a grocer"}
    assert request(chat_template_kwargs=arguments).wire()["chat_template_kwargs"] == arguments
