"""A list as a file of one JSON object a line."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from deployments.ingress.wire import Wire

#: For the OpenAPI document.
JSON_LINES: dict[str, Any] = {"application/x-ndjson": {"schema": {"type": "string"}}}


def jsonl(name: str, bodies: AsyncIterator[Wire]) -> StreamingResponse:
    """A file of one JSON object a line, sent as it is read."""

    async def lines() -> AsyncIterator[str]:
        async for body in bodies:
            yield body.model_dump_json() + "\n"

    return StreamingResponse(
        lines(),
        media_type="application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="{name}.jsonl"'},
    )
