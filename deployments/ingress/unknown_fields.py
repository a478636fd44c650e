"""Names the fields and query parameters of a request that the service doesn't know.

They are ignored, so that newer callers can talk to older services; but a misspelled option that is
ignored without a word costs its caller an afternoon. A JSON answer names them in `warnings`, any
other answer in the header X-Warnings.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from sidecar.core.errors import ValidationFailed

Schema = Mapping[str, Any]

_MAX_WARNINGS: Final = 20
_MAX_NAME: Final = 200
#: Bytes of warnings in a header: proxies take some 16 KiB of all headers together.
_MAX_HEADER: Final = 4_096


def unknown_fields(model: type[BaseModel], body: object, prefix: str = "") -> list[str]:
    """Return the paths in `body` of fields that the model ignores, at most 20 of them."""
    return list(islice(_known(model).unknown(body, prefix), _MAX_WARNINGS))


def warn(request: Request, paths: list[str]) -> None:
    """Add fields to the request's warnings."""
    known: list[str] = request.state.warnings
    known += [f"{path[:_MAX_NAME]} is not a known field and was ignored." for path in paths]


def unknown_parameters(request: Request, route: APIRoute) -> list[str]:
    """Return warnings about query parameters that the route ignores."""
    known = _known_parameters(route)
    return [
        f"The query parameter {name[:_MAX_NAME]} is not known and was ignored."
        for name in islice((n for n in request.query_params if n not in known), _MAX_WARNINGS)
    ]


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that the request's route would ignore: a list without its filter.

    Raises:
        ValidationFailed: names the parameter, and those that are known.
    """
    known = _known_parameters(request.scope["route"])
    for name in request.query_params:
        if name not in known:
            raise ValidationFailed(
                f"The query parameter {name[:_MAX_NAME]} is not known. Known are "
                f"{', '.join(known)}."
            )


def _known_parameters(route: APIRoute) -> list[str]:
    parameters = get_flat_dependant(route.dependant).query_params
    return sorted({field.alias for field in parameters} | {"tenant_id"})


def with_warnings(response: Response, warnings: list[str]) -> Response:
    """Add the warnings to a successful response: to a JSON object as a field, else as a header."""
    if not warnings or response.status_code >= 400:
        return response
    shown = warnings[:_MAX_WARNINGS]
    body = getattr(response, "body", b"")
    is_json = response.headers.get("content-type", "").startswith("application/json")
    if is_json and isinstance(body, bytes) and body.startswith(b"{") and body.endswith(b"}"):
        separator = b"" if body == b"{}" else b","
        response.body = body[:-1] + separator + b'"warnings":' + orjson.dumps(shown) + b"}"
        response.headers["content-length"] = str(len(response.body))
    else:
        # A field's name may have line breaks, which would begin another header.
        text = " ".join(shown).encode("unicode_escape")[:_MAX_HEADER]
        response.headers["x-warnings"] = text.decode("ascii")
    return response


class _Known:
    """The fields that a JSON schema knows, in any of its variants."""

    def __init__(self, schemas: Sequence[Schema], definitions: Schema) -> None:
        self._definitions = definitions
        self._variants = [variant for schema in schemas for variant in self._resolve(schema)]
        #: Whether it takes objects with fields of any name, or keys of the caller's.
        self.is_open = any(
            variant.get("additionalProperties", "properties" not in variant) is not False
            for variant in self._variants
            if variant.get("type", "object") == "object"
        )

    @cached_property
    def fields(self) -> Mapping[str, "_Known"]:
        """The fields of an object."""
        schemas: dict[str, list[Schema]] = {}
        for variant in self._variants:
            for name, schema in variant.get("properties", {}).items():
                schemas.setdefault(name, []).append(schema)
        return {name: _Known(found, self._definitions) for name, found in schemas.items()}

    @cached_property
    def items(self) -> "_Known | None":
        """The entries of a list."""
        schemas = [variant["items"] for variant in self._variants if "items" in variant]
        return _Known(schemas, self._definitions) if schemas else None

    def unknown(self, value: object, path: str) -> Iterator[str]:
        """Yield the path of each field in `value` that is not known."""
        if isinstance(value, dict):
            for name, entry in value.items():
                inner = self.fields.get(name)
                if inner is not None:
                    if isinstance(entry, dict | list):
                        yield from inner.unknown(entry, _join(path, name))
                elif not self.is_open:
                    yield _join(path, name)
        elif isinstance(value, list) and self.items is not None:
            for index, entry in enumerate(value):
                if isinstance(entry, dict | list):
                    yield from self.items.unknown(entry, _join(path, index))

    def _resolve(self, schema: Schema) -> Iterator[Schema]:
        if "$ref" in schema:
            yield from self._resolve(self._definitions[schema["$ref"].rpartition("/")[2]])
        elif branches := schema.get("anyOf") or schema.get("oneOf"):
            for branch in branches:
                yield from self._resolve(branch)
        else:
            yield schema


@cache
def _known(model: type[BaseModel]) -> _Known:
    schema = model.model_json_schema()
    return _Known([schema], schema.get("$defs", {}))


def _join(path: str, part: str | int) -> str:
    return f"{path}.{part}" if path else str(part)
