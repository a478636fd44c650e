"""JSON bodies: parsed strictly, large ones off the event loop; what is not understood is named."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, get_args

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from deployments.http.schemas.common import is_name
from deployments.ingress.json_parsing import parse_json
from deployments.ingress.offloading import LARGE_BODY, LARGE_RECIPES, off_loop
from deployments.ingress.unknown_fields import (
    unknown_fields,
    unknown_parameters,
    warn,
    with_warnings,
)


class JsonRequest(Request):
    """A request that parses its body strictly."""

    model: type[BaseModel] | None = None
    """The body's, if it has one."""

    async def json(self) -> Any:
        """Parse the body; see parse_json. Its request_id is from then on the request's."""
        return self.parse(await self.body())

    def parse(self, body: bytes) -> Any:
        """Parse the body, which was read before."""
        parsed = parse_json(body)
        if isinstance(parsed, dict) and is_name(request_id := parsed.get("request_id")):
            self.state.request_id = request_id
        if self.model is not None:
            warn(self, unknown_fields(self.model, parsed))
        return parsed


class _CheckedRequest(JsonRequest):
    """A request whose body has been parsed and validated."""

    checked: Any = None

    async def json(self) -> Any:
        return self.checked


class JsonRoute(APIRoute):
    """A route that parses its body strictly, and names unknown fields in its response."""

    large_body: ClassVar[int] = LARGE_BODY
    """Bytes from which a body is parsed and validated off the event loop."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        model = _model_of(self.body_field.field_info.annotation) if self.body_field else None

        async def handle_strictly(request: Request) -> Response:
            request.state.warnings = unknown_parameters(request, self)
            body = await request.body()
            content_type = request.headers.get("content-type", "")
            is_large = len(body) > self.large_body and _is_json(content_type)
            strict = (_CheckedRequest if is_large else JsonRequest)(request.scope, request.receive)
            strict._body = body
            strict.model = model
            if isinstance(strict, _CheckedRequest):
                strict.checked = await off_loop(
                    len(body), self._check, strict, body, large=self.large_body
                )
            return with_warnings(await handle(strict), request.state.warnings)

        return handle_strictly

    def _check(self, request: JsonRequest, body: bytes) -> object:
        """Return the body as the route's model, an instance of which FastAPI accepts as it is.

        Raises:
            RequestValidationError: for an invalid body.
            ServiceError: whatever the model's validators raise.
        """
        try:
            parsed = request.parse(body)
        except json.JSONDecodeError as error:
            raise RequestValidationError(
                [{"type": "json_invalid", "loc": ("body",), "ctx": {"error": error.msg}}]
            ) from error
        if self.body_field is None:
            return parsed
        value, errors = self.body_field.validate(parsed, loc=("body",))
        if errors:
            raise RequestValidationError(errors, body=parsed)
        return value


class RecipesRoute(JsonRoute):
    """A route whose body has recipes."""

    large_body = LARGE_RECIPES


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model in a body's annotation, such as `Model` or `Model | None`."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
