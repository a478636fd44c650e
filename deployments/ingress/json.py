"""Strict JSON parsing of request bodies, and warnings about what is not understood in a request."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, get_args

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import from_json
from starlette.types import Receive, Scope

from deployments.http.schemas.common import is_name
from deployments.ingress.unknown_fields import (
    unknown_fields,
    unknown_parameters,
    warn,
    with_warnings,
)


class JsonRequest(Request):
    """A request that parses its body strictly."""

    def __init__(self, scope: Scope, receive: Receive, model: type[BaseModel] | None) -> None:
        """Create the request; `model` is that of its body, if it has one."""
        super().__init__(scope, receive)
        self._model = model

    async def json(self) -> Any:
        """Parse the body; see parse_json. Its request_id is from then on the request's."""
        body = parse_json(await self.body())
        if isinstance(body, dict) and is_name(request_id := body.get("request_id")):
            self.state.request_id = request_id
        if self._model is not None:
            warn(self, unknown_fields(self._model, body))
        return body


class JsonRoute(APIRoute):
    """A route that parses its body strictly, and names unknown fields in its response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        model = _model_of(self.body_field.field_info.annotation) if self.body_field else None

        async def handle_strictly(request: Request) -> Response:
            request.state.warnings = unknown_parameters(request, self)
            response = await handle(JsonRequest(request.scope, request.receive, model))
            return with_warnings(response, request.state.warnings)

        return handle_strictly


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model in a body's annotation, such as `Model` or `Model | None`."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


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
