"""Strict JSON parsing of request bodies."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from deployments.http.schemas.common import is_name


class JsonRequest(Request):
    """A request that parses its body strictly."""

    async def json(self) -> Any:
        """Parse the body; see parse_json. Its request_id is from then on the request's."""
        body = parse_json(await self.body())
        if isinstance(body, dict) and is_name(request_id := body.get("request_id")):
            self.state.request_id = request_id
        return body


class JsonRoute(APIRoute):
    """A route that parses its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_strictly


def parse_json(body: bytes) -> Any:
    """Parse a body. FastAPI reports the JSONDecodeError.

    Raises:
        json.JSONDecodeError: for anything but JSON, including NaN, lone surrogates and unbounded
            nesting.
    """
    if not body.strip():
        raise json.JSONDecodeError("the body is empty", "", 0)
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
