"""Translates chat completions into the answers and the streams of Anthropic's Messages API."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sidecar.llm.protocol import Usage

_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
Event = tuple[str, Mapping[str, Any]]


def message(body: Mapping[str, Any], id: str) -> dict[str, Any]:  # noqa: A002 - the field's name
    """Return a chat.completion as a message of Anthropic's."""
    choice = body["choices"][0]
    answer = choice["message"]
    content: list[dict[str, Any]] = []
    if thoughts := answer.get("reasoning"):
        content.append({"type": "thinking", "thinking": thoughts, "signature": ""})
    if answer.get("content"):
        content.append({"type": "text", "text": answer["content"]})
    calls = answer.get("tool_calls") or ()
    content += [_tool_use(call) for call in calls]
    usage = body["usage"]
    return _message(
        id,
        body["model"],
        content,
        _stop(choice, called=bool(calls)),
        {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage.get("completion_tokens") or 0,
        },
    )


class MessageStream:
    """The events of one streamed message, from those of a chat completion.

    A stream has message_start, the blocks one after the other (content_block_start, _delta,
    _stop), message_delta and message_stop.
    """

    def __init__(self, id: str, model: str | None) -> None:  # noqa: A002 - the field's name
        """Begin a stream; `model` is the one that was asked for, until the engine names its own."""
        self._id = id
        self._model = model or ""
        self._started = False
        self._blocks = 0
        self._open: object = None  # the kind of the open block, or the index of the call in it
        self._called = False
        self._choice: Mapping[str, Any] = {}

    def chunk(self, text: str) -> Iterator[Event]:
        """Yield the events of a chat.completion.chunk, which is JSON text."""
        chunk = json.loads(text)
        self._model = chunk.get("model", self._model)
        yield from self._start()
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if thoughts := delta.get("reasoning"):
                yield from self._piece("thinking", {"thinking": thoughts})
            if said := delta.get("content"):
                yield from self._piece("text", {"text": said})
            for call in delta.get("tool_calls") or ():
                yield from self._call(call)
            if choice.get("finish_reason"):
                self._choice = choice

    def end(self, usage: Usage) -> Iterator[Event]:
        """Yield the last events."""
        yield from self._start()
        yield from self._close()
        reason, sequence = _stop(
            self._choice or {"finish_reason": usage.finish_reasons[0]}, called=self._called
        )
        yield (
            "message_delta",
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": sequence},
                "usage": {
                    "input_tokens": usage.prompt_tokens,
                    "output_tokens": usage.completion_tokens,
                },
            },
        )
        yield "message_stop", {"type": "message_stop"}

    def _start(self) -> Iterator[Event]:
        if self._started:
            return
        self._started = True
        # The engine counts the prompt's tokens at the end; they are in message_delta.
        usage = {"input_tokens": 0, "output_tokens": 0}
        begun = _message(self._id, self._model, [], (None, None), usage)
        yield "message_start", {"type": "message_start", "message": begun}

    def _piece(self, kind: str, piece: Mapping[str, str]) -> Iterator[Event]:
        if self._open != kind:
            empty: dict[str, str] = {"type": kind, **dict.fromkeys(piece, "")}
            if kind == "thinking":
                empty["signature"] = ""
            yield from self._begin(kind, empty)
        yield self._delta({"type": f"{kind}_delta", **piece})

    def _call(self, call: Mapping[str, Any]) -> Iterator[Event]:
        function = call.get("function") or {}
        if self._open != call["index"]:
            self._called = True
            empty: dict[str, Any] = {
                "type": "tool_use",
                "id": call.get("id") or f"call_{call['index']}",
                "name": function.get("name") or "",
                "input": {},
            }
            yield from self._begin(call["index"], empty)
        if arguments := function.get("arguments"):
            yield self._delta({"type": "input_json_delta", "partial_json": arguments})

    def _begin(self, key: object, empty: Mapping[str, Any]) -> Iterator[Event]:
        yield from self._close()
        self._open = key
        yield (
            "content_block_start",
            {"type": "content_block_start", "index": self._blocks, "content_block": empty},
        )

    def _delta(self, delta: Mapping[str, Any]) -> Event:
        return (
            "content_block_delta",
            {"type": "content_block_delta", "index": self._blocks, "delta": delta},
        )

    def _close(self) -> Iterator[Event]:
        if self._open is not None:
            yield (
                "content_block_stop",
                {"type": "content_block_stop", "index": self._blocks},
            )
            self._open = None
            self._blocks += 1


def _message(
    id: str,  # noqa: A002 - the field's name
    model: str,
    content: list[dict[str, Any]],
    stop: tuple[str | None, str | None],
    usage: Mapping[str, int],
) -> dict[str, Any]:
    reason, sequence = stop
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage,
    }


def _stop(choice: Mapping[str, Any], *, called: bool) -> tuple[str | None, str | None]:
    """Return the stop reason, and the stop sequence that was met.

    OpenAI's reason for a call that the request forced is "stop".
    """
    reason = choice.get("finish_reason")
    if called and reason != "length":
        return "tool_use", None
    met = choice.get("stop_reason")  # vLLM's: a text, the number of a token, or null
    if reason == "stop" and isinstance(met, str):
        return "stop_sequence", met
    return _STOP_REASONS.get(reason or "", "end_turn"), None


def _tool_use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        # The model wrote no JSON object; what it wrote is not dropped.
        arguments = {"arguments": function["arguments"]}
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
