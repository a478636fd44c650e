"""A model thinks when its caller says so, and never before it fills a JSON schema by itself."""

from typing import Any

import pytest

from sidecar.core.errors import BadRequest
from sidecar.llm.schemas import ChatRequest
from sidecar.llm.thinking import (
    check_arguments,
    missing_parser,
    template_arguments,
    template_variables,
)

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<think>' if enable_thinking }}"


def arguments(*, thinks_in_chat: bool = True, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}]
    request = ChatRequest.model_validate({"messages": messages, **fields})
    return template_arguments(request, switch="enable_thinking", thinks_in_chat=thinks_in_chat)


def test_a_chat_is_left_to_the_model() -> None:
    assert arguments() == {}


@pytest.mark.parametrize("format_", [SCHEMA, {"type": "json_object"}])
def test_a_structured_answer_comes_without_thoughts(format_: dict[str, Any]) -> None:
    assert arguments(response_format=format_) == {"enable_thinking": False}


def test_the_operator_turns_thoughts_off_for_chats_that_do_not_say() -> None:
    assert arguments(thinks_in_chat=False) == {"enable_thinking": False}
    assert arguments(thinks_in_chat=False, reasoning_effort="low") == {"enable_thinking": True}


@pytest.mark.parametrize("fields", [{}, {"response_format": SCHEMA}])
def test_the_caller_decides_first(fields: dict[str, Any]) -> None:
    assert arguments(reasoning_effort="high", **fields) == {"enable_thinking": True}
    assert arguments(reasoning_effort="none", **fields) == {"enable_thinking": False}
    own = {"enable_thinking": True, "tone": "dry"}
    assert arguments(chat_template_kwargs=own, reasoning_effort="none", **fields) == own


def test_a_model_without_the_switch_gets_what_was_sent() -> None:
    request = ChatRequest.model_validate(
        {"messages": [{"role": "user", "content": "x"}], "response_format": SCHEMA}
    )
    assert template_arguments(request, switch=None, thinks_in_chat=False) == {}


def test_an_argument_that_the_template_does_not_read_is_refused_by_name() -> None:
    known = template_variables(TEMPLATE)
    check_arguments({"enable_thinking": True}, known)
    with pytest.raises(BadRequest, match="no enable_thoughts"):
        check_arguments({"enable_thoughts": True}, known)
    assert template_variables("{% generation %}") is None
    check_arguments({"enable_thoughts": True}, None)


def test_a_model_that_thinks_without_a_parser_is_reported() -> None:
    assert "SIDECAR_ENGINE_REASONING_PARSER" in (missing_parser(TEMPLATE, None) or "")
    assert missing_parser(TEMPLATE, "qwen3") is None
    assert missing_parser("{{ messages }}", None) is None
    assert missing_parser(None, None) is None
