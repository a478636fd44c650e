"""Server-sent events (HTML Living Standard, section 9.2).

FastAPI's format_sse_event frames comments and HTML, but not JSON: it splits lines at characters
such as U+2028, which JSON strings may contain unescaped, so clients would receive broken JSON.
"""

from typing import Any

from fastapi.sse import format_sse_event


def event_stream(*components: str, end: str | None = None) -> dict[str, Any]:
    """Return a response's content for the OpenAPI document: events with JSON of the components.

    `end` is the data of the last event, where that is no JSON.
    """
    schemas: list[dict[str, Any]] = [
        {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": f"#/components/schemas/{component}"},
        }
        for component in components
    ]
    if end is not None:
        schemas.append({"type": "string", "const": end})
    data = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    properties = {
        "id": {"type": "string", "description": "For the header Last-Event-ID of a reconnection."},
        "data": {**data, "description": f"{' or '.join(components)} as JSON."},
    }
    schema = {"type": "object", "required": ["data"], "properties": properties}
    return {"text/event-stream": {"schema": schema}}


def json_event(
    text: str,
    *,
    id: str | None = None,  # noqa: A002 - the field's name
    event: str | None = None,
) -> bytes:
    """Frame JSON `text`, which contains no raw line feeds, as one event."""
    head = "" if id is None else f"id: {id}\n"
    if event is not None:
        head += f"event: {event}\n"
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
