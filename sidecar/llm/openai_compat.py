"""Differences between vLLM's OpenAI layer and OpenAI's own API, put right on the way in and out."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

#: OpenAI: "Omitting parameters defines a function with an empty parameter list."
_NO_PARAMETERS: Final = {"type": "object", "properties": {}, "additionalProperties": False}
_ZERO_WIDTH_SPACE: Final = "\u200b"


class ControlTokens:
    """The tokens by which a chat template structures a conversation, such as <|im_end|>.

    A tokenizer takes their text for the tokens themselves, wherever it stands, so a message that
    contains it could end its turn and begin another one.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        longest_first = sorted({token for token in tokens if len(token) > 1}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def disarm(self, value: Any) -> Any:
        """Return the JSON value with a zero-width space within each token's text."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: _ZERO_WIDTH_SPACE.join(_split(found[0])), value)
        if isinstance(value, list):
            return [self.disarm(entry) for entry in value]
        if isinstance(value, Mapping):
            # An image's base64 has no such text, and is long.
            return {
                name: entry if name == "image_url" else self.disarm(entry)
                for name, entry in value.items()
            }
        return value


def _split(token: str) -> tuple[str, str]:
    return token[:1], token[1:]


def with_parameters(tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the tools with an empty list of parameters where a function declares none."""
    return [
        {**tool, "function": {**tool["function"], "parameters": _NO_PARAMETERS}}
        if tool["function"].get("parameters") is None
        else tool
        for tool in tools
    ]


def without_cut_call(
    choice: Mapping[str, Any], *, marker: str | None, forced: bool
) -> Mapping[str, Any]:
    """Return a choice without the beginning of a tool call that its limit of tokens cut off.

    `marker` begins a call in the model's text; `forced` says that the request demanded a call, so
    that all text is part of one.
    """
    message = choice["message"]
    content = message.get("content")
    if choice["finish_reason"] != "length" or message.get("tool_calls") or not content:
        return choice
    if forced:
        kept = ""
    elif marker is not None and marker in content:
        kept = content.partition(marker)[0].rstrip()
    else:
        return choice
    return {**choice, "message": {**message, "content": kept}}


def with_call_arguments(chunk: str) -> str:
    """Return a chunk whose first delta of each tool call has `arguments`, as OpenAI's has."""
    body = json.loads(chunk)
    for choice in body["choices"]:
        for call in choice["delta"].get("tool_calls") or ():
            function = call.get("function")
            if function and "name" in function:
                function.setdefault("arguments", "")
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
