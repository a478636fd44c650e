"""Server-sent events (HTML Living Standard, section 9.2).

FastAPI's format_sse_event frames comments and HTML, but not JSON: it splits lines at characters
such as U+2028, which JSON strings may contain unescaped, so clients would receive broken JSON.
"""

from typing import Any

from fastapi.sse import format_sse_event


def event_stream(component: str) -> dict[str, Any]:
    """Return a response's content for the OpenAPI document: events with JSON of that component."""
    properties = {
        "id": {"type": "string", "description": "For the header Last-Event-ID of a reconnection."},
        "data": {
            "type": "string",
            "description": f"{component} as JSON.",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": f"#/components/schemas/{component}"},
        },
    }
    schema = {"type": "object", "required": ["data"], "properties": properties}
    return {"text/event-stream": {"schema": schema}}


def json_event(text: str, *, id: str | None = None) -> bytes:  # noqa: A002 - the field's name
    """Frame JSON `text`, which contains no raw line feeds, as one event."""
    head = "" if id is None else f"id: {id}\n"
    return f"{head}data: {text}\n\n".encode()


def html_event(html: str) -> bytes:
    """Frame a live part's HTML as the event `part`."""
    return format_sse_event(event="part", data_str=html)


def retry_event(milliseconds: int) -> bytes:
    """Frame the browser's reconnection delay."""
    return format_sse_event(retry=milliseconds)


def comment(text: str) -> bytes:
    """Frame a comment, which keeps an idle connection alive."""
    return format_sse_event(comment=text)
