"""Lists of any length, sent while they are read: JSON Lines, and an array within an object."""

from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.responses import StreamingResponse

from deployments.http.schemas.common import ApiModel

#: For the OpenAPI document.
JSON_LINES_CONTENT: dict[str, Any] = {"application/x-ndjson": {"schema": {"type": "string"}}}

#: Characters that are sent at once; each message passes Serve's layers.
_CHUNK: Final = 64 * 1024


async def json_lines(name: str, bodies: AsyncIterator[ApiModel]) -> StreamingResponse:
    """Stream the bodies as the download `name`.jsonl, one JSON object per line.

    Raises whatever the first body raises.
    """
    return StreamingResponse(
        _joined(await _started(bodies), separator="\n", end="\n"),
        media_type="application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="{name}.jsonl"'},
    )


async def json_array(name: str, bodies: AsyncIterator[ApiModel]) -> StreamingResponse:
    """Stream the object {name: [bodies]}. Raises whatever the first body raises."""
    started = await _started(bodies)

    async def whole() -> AsyncIterator[str]:
        yield f'{{"{name}":['
        async for part in _joined(started, separator=","):
            yield part
        yield "]}"

    return StreamingResponse(whole(), media_type="application/json")


async def _joined(
    bodies: AsyncIterator[ApiModel], *, separator: str, end: str = ""
) -> AsyncIterator[str]:
    """Yield the bodies' JSON in parts of some 64 KiB, with `end` behind the last body."""
    text = ""
    any_body = False
    async for body in bodies:
        text += (separator if any_body else "") + body.model_dump_json()
        any_body = True
        if len(text) > _CHUNK:
            yield text
            text = ""
    if any_body:
        yield text + end


async def _started(bodies: AsyncIterator[ApiModel]) -> AsyncIterator[ApiModel]:
    """Read the first body now, while its error can still have a status of its own."""
    first = await anext(bodies, None)

    async def rest() -> AsyncIterator[ApiModel]:
        if first is not None:
            yield first
        async for body in bodies:
            yield body

    return rest()
