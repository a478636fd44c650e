"""Checks answers against the OpenAPI document: each is described, and has no field that isn't."""

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, Final

import httpx
import jsonschema_rs

from deployments.ingress.app import documented_app

_PARAMETER: Final = re.compile(r"\\\{[^}]+\\\}")


class Contract:
    """The answers that an OpenAPI document describes."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the document."""
        self._paths = document["paths"]
        self._schemas = _closed(deepcopy(document["components"]["schemas"]))
        self._templates = [
            (
                path,
                re.compile(
                    _PARAMETER.sub(
                        "(.+)" if path.startswith("/v1/") else "([^/]+)", re.escape(path)
                    )
                ),
            )
            for path in sorted(self._paths, key=lambda path: path.count("{"))
        ]
        self._validator = lru_cache(self._build)

    def check(self, response: httpx.Response) -> None:
        """Raise AssertionError unless the document describes this answer to a known operation."""
        path = self._template(response.request.url.path)
        method = response.request.method.lower()
        if path is None or method not in self._paths[path]:
            return
        kind = response.headers.get("content-type", "").partition(";")[0]
        status = str(response.status_code)
        if kind != "application/json":
            if response.content:
                described = self._paths[path][method]["responses"].get(status, {})
                assert kind in described.get("content", {}), f"{method} {path}: {status} {kind}"
            return
        validator = self._validator(path, method, status)
        assert validator is not None, f"{method} {path}: {status} is not described"
        errors = [
            f"{error.instance_path}: {error.message}"
            for error in validator.iter_errors(response.json())
        ]
        assert not errors, f"{method} {path}: {status}: {errors[:5]}"

    def _template(self, path: str) -> str | None:
        return next((name for name, pattern in self._templates if pattern.fullmatch(path)), None)

    def _build(self, path: str, method: str, status: str) -> Any:
        content = self._paths[path][method]["responses"].get(status, {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return None
        return jsonschema_rs.Draft202012Validator(
            {**_closed(deepcopy(schema)), "components": {"schemas": self._schemas}}
        )


@cache
def contract() -> Contract:
    """Return the contract of the API, of a service with tokens."""
    return Contract(documented_app("1", tokens=True).openapi())


async def check_answer(response: httpx.Response) -> None:
    """Check an answer: the hook `response` of a client."""
    await response.aread()
    if "malformed" not in response.request.headers.get("x-stub", ""):
        contract().check(response)


def _closed(node: Any) -> Any:
    """Forbid, in place, the fields that an object's schema doesn't describe."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            node.setdefault("additionalProperties", False)
        for value in node.values():
            _closed(value)
    elif isinstance(node, list):
        for value in node:
            _closed(value)
    return node
