"""Parsing a body as JSON and as nothing more than JSON."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json


class JsonRequest(Request):
    """A request whose JSON is parsed strictly."""

    async def json(self) -> Any:
        """Raises json.JSONDecodeError for whatever is not JSON."""
        return parse_json(await self.body())


class JsonRoute(APIRoute):
    """A route that parses its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own hook for a custom request class."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_strictly


def parse_json(body: bytes) -> Any:
    """Parses a body. Raises json.JSONDecodeError, which FastAPI knows, for what is no JSON: NaN,
    lone surrogates and endless nesting included.
    """
    if not body.strip():
        raise json.JSONDecodeError("the body is empty", "", 0)
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
