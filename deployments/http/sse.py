"""Server-sent events (HTML Living Standard, section 9.2), framed by FastAPI."""

from typing import Any, Final

from fastapi.sse import format_sse_event

#: For the OpenAPI document: the shape of one event of a stream.
EVENT_STREAM_CONTENT: Final[dict[str, Any]] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "required": ["data"],
            "properties": {"id": {"type": "string"}, "data": {"type": "string"}},
        }
    }
}

#: FastAPI splits data at everything that str.splitlines takes for a line break. Of those, JSON may
#: hold these three unescaped within a string, where a client would then find a broken line.
_ESCAPED: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"})


def json_event(text: str, *, id: str | None = None) -> bytes:  # noqa: A002 - the field's name
    """Frame JSON `text` (without raw line feeds) as one event."""
    return format_sse_event(data_str=text.translate(_ESCAPED), id=id)


def comment(text: str) -> bytes:
    """Frame a comment, which keeps an idle connection alive."""
    return format_sse_event(comment=text)
