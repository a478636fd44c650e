"""JSON Lines: a list as a file with one JSON object per line."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from deployments.http.schemas.common import ApiModel

#: For the OpenAPI document.
JSON_LINES_CONTENT: dict[str, Any] = {"application/x-ndjson": {"schema": {"type": "string"}}}


def json_lines(name: str, bodies: AsyncIterator[ApiModel]) -> StreamingResponse:
    """Stream the bodies as the download `name`.jsonl, each as soon as it is read."""

    async def lines() -> AsyncIterator[str]:
        async for body in bodies:
            yield body.model_dump_json() + "\n"

    return StreamingResponse(
        lines(),
        media_type="application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="{name}.jsonl"'},
    )
