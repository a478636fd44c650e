"""Chat completions become messages of Anthropic's, whole and streamed."""

import json
from typing import Any

import pytest

from sidecar.llm.anthropic.answers import MessageStream, message
from sidecar.llm.protocol import Usage

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def completion(answer: dict[str, Any], **choice: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", **choice}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"model": "m", "choices": [{**choice, "message": answer}], "usage": usage}


def test_a_whole_message() -> None:
    answer = {"role": "assistant", "content": "Hi", "reasoning": "Greet.", "tool_calls": [CALL]}
    assert message(completion(answer, finish_reason="tool_calls"), "msg_1") == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Greet.", "signature": ""},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }


@pytest.mark.parametrize(
    ("choice", "calls", "reason", "sequence"),
    [
        ({}, [], "end_turn", None),
        ({"finish_reason": "length"}, [], "max_tokens", None),
        ({"stop_reason": "END"}, [], "stop_sequence", "END"),
        ({"stop_reason": 151645}, [], "end_turn", None),
        ({}, [CALL], "tool_use", None),  # OpenAI's reason for a forced call
        ({"finish_reason": "length"}, [CALL], "max_tokens", None),
        ({"finish_reason": "content_filter"}, [], "refusal", None),
    ],
)
def test_stop_reasons(
    choice: dict[str, Any], calls: list[Any], reason: str, sequence: str | None
) -> None:
    answer = {"role": "assistant", "content": None, "tool_calls": calls}
    made = message(completion(answer, **choice), "msg_1")
    assert (made["stop_reason"], made["stop_sequence"]) == (reason, sequence)


@pytest.mark.parametrize("arguments", ["{not json", "[1]", '"text"'])
def test_arguments_that_are_no_object_are_kept_as_they_are(arguments: str) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    made = message(completion({"content": None, "tool_calls": [call]}), "msg_1")
    assert made["content"][0]["input"] == {"arguments": arguments}


def streamed(*deltas: dict[str, Any], finish: str = "stop") -> list[tuple[str, Any]]:
    stream = MessageStream("msg_1", "asked")
    events = []
    for delta in deltas:
        chunk = {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        events += list(stream.chunk(json.dumps(chunk)))
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    events += list(stream.chunk(json.dumps(last)))
    events += list(stream.end(Usage("m", 7, 3, (finish,))))
    assert all(name == data["type"] for name, data in events)
    return events


def test_a_stream_opens_and_closes_each_block() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}

    events = streamed(
        {"role": "assistant", "content": ""},
        {"reasoning": "Hm"},
        {"content": "A"},
        {"content": "B"},
        call(0, name="f", arguments=""),
        call(0, arguments='{"a":'),
        call(0, arguments="1}"),
        call(1, name="g", arguments="{}"),
        finish="tool_calls",
    )
    assert events[0][1]["message"]["model"] == "m"
    shape = [
        (data["index"], name.removeprefix("content_block_"))
        for name, data in events
        if "index" in data
    ]
    assert shape == [
        (0, "start"), (0, "delta"), (0, "stop"),
        (1, "start"), (1, "delta"), (1, "delta"), (1, "stop"),
        (2, "start"), (2, "delta"), (2, "delta"), (2, "stop"),
        (3, "start"), (3, "delta"), (3, "stop"),
    ]  # fmt: skip
    deltas = [data["delta"] for name, data in events if name == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "AB"
    assert "".join(delta.get("partial_json", "") for delta in deltas) == '{"a":1}{}'
    (_, last), (name, _) = events[-2:]
    assert name == "message_stop"
    assert last["delta"]["stop_reason"] == "tool_use"
    assert last["usage"] == {"input_tokens": 7, "output_tokens": 3}


def test_an_empty_stream_is_complete() -> None:
    stream = MessageStream("msg_1", "asked")
    events = list(stream.end(Usage("m", 7, 0, ("length",))))
    assert [name for name, _ in events] == ["message_start", "message_delta", "message_stop"]
    assert events[1][1]["delta"]["stop_reason"] == "max_tokens"
