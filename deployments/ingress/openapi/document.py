"""Completes the OpenAPI document that FastAPI derives from the routes.

FastAPI can't know the tenant header, each operation's errors, the example requests, the links from
a response to follow-up operations, uploads, the events of streams, webhooks, the warnings that any
JSON answer may have, and the security schemes.
"""

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI
from pydantic import TypeAdapter

from deployments.http.error_responses import MESSAGES_PATH
from deployments.ingress.auth import PUBLIC_PATHS
from deployments.ingress.examples import EXAMPLE_BODIES, EXAMPLE_IDS
from deployments.ingress.openapi.descriptions import describe, load_descriptions
from deployments.ingress.openapi.uploads import add_uploads
from deployments.ingress.openapi.webhooks import webhooks
from deployments.ingress.routes.job_events import JobChange
from sidecar.llm.anthropic.response_types import MessageEvent
from sidecar.llm.response_types import ChatCompletionChunk

Operation = dict[str, Any]

_TENANT: Final = {
    "name": "X-Tenant-ID",
    "in": "header",
    "description": "The tenant, unless the body or the query names it as tenant_id.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[!-~]+$"},
    "example": "demo",
}
_WITHOUT_TENANT = ("/health", "/v1/models", "/v1/embeddings", "/api/v1/embed", "/api/v1/queues")

_OPENAI_ERROR: Final = {
    "type": "object",
    "title": "OpenAIError",
    "description": "The body of every error below /v1.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "title": "OpenAIErrorBody",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"enum": ["invalid_request_error", "rate_limit_error", "server_error"]},
                "param": {"type": "null"},
                "code": {"type": "string"},
            },
        }
    },
}


_ANTHROPIC_ERROR: Final = {
    "type": "object",
    "title": "AnthropicError",
    "description": "The body of every error of /v1/messages.",
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "title": "AnthropicErrorBody",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
}
_WARNINGS: Final = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Fields and query parameters of the request that are not known and were "
    "ignored; missing without any.",
}
_REFERENCE: Final = re.compile(r'"#/components/schemas/([^"]+)"')


def openapi_builder(app: FastAPI, *, tokens: bool) -> Callable[[], dict[str, Any]]:
    """Return the replacement of `app.openapi`, which builds the document on its first call."""
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(derive(), tokens=tokens)
        return app.openapi_schema

    return openapi


def _complete(document: dict[str, Any], *, tokens: bool) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    schemas["OpenAIError"] = deepcopy(_OPENAI_ERROR)
    schemas["AnthropicError"] = deepcopy(_ANTHROPIC_ERROR)
    _add_events(schemas)
    document["webhooks"] = webhooks()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(operation, f"{method.upper()} {path}")
            if tokens and path not in PUBLIC_PATHS:
                operation["security"] = [{"token": []}, {"password": []}]
                operation["responses"]["401"] = _error(path, "The token is missing or wrong.")
    if tokens:
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "password": {
                "type": "http",
                "scheme": "basic",
                "description": "For browsers: any user name, the token as the password.",
            },
        }
    add_uploads(document["paths"])
    _allow_warnings(document)
    _remove_unused(document)
    describe(document, load_descriptions())
    return document


def _add_events(schemas: dict[str, Any]) -> None:
    """Add the data of streamed events, to which no route's JSON refers."""
    for event in (JobChange, ChatCompletionChunk, MessageEvent):
        schema = TypeAdapter(event).json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        for name, definition in schema.pop("$defs", {}).items():
            schemas.setdefault(name, definition)
        schemas[schema["title"]] = schema


def _allow_warnings(document: dict[str, Any]) -> None:
    """Describe the list that with_warnings adds to a JSON answer."""
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref")
            if reference:
                properties = document["components"]["schemas"][_name(reference)]["properties"]
                properties.setdefault("warnings", dict(_WARNINGS))


def _remove_unused(document: dict[str, Any]) -> None:
    """Remove schemas to which nothing refers, such as FastAPI's own error shapes."""
    schemas = document["components"]["schemas"]
    roots = json.dumps({name: part for name, part in document.items() if name != "components"})
    used: set[str] = set()
    pending = set(_REFERENCE.findall(roots))
    while pending:
        name = pending.pop()
        used.add(name)
        pending |= set(_REFERENCE.findall(json.dumps(schemas[name]))) - used
    for name in schemas.keys() - used:
        del schemas[name]


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _complete_operation(operation: Operation, name: str) -> None:
    path = name.split()[1]
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["name"] in EXAMPLE_IDS:
            parameter["example"] = EXAMPLE_IDS[parameter["name"]]
    if not path.startswith(_WITHOUT_TENANT):
        parameters.append(dict(_TENANT))
    if name in EXAMPLE_BODIES:
        operation["requestBody"]["content"]["application/json"]["example"] = EXAMPLE_BODIES[name]
    if path.startswith("/v1/"):
        operation["responses"].pop("422", None)  # OpenAI returns 400
        for status, description in _OPENAI_ERRORS.items():
            operation["responses"][status] = _error(path, description)
    for link, (target, parameter_name, pointer) in _LINKS.get(name, {}).items():
        operation["responses"]["200"].setdefault("links", {})[link] = {
            "operationId": target,
            "parameters": {parameter_name: f"$response.body#{pointer}"},
        }


_OPENAI_ERRORS: Final = {
    "400": "The request is invalid.",
    "404": "There is no such model.",
    "408": "The request's body arrived too slowly.",
    "413": "The request is over a size limit, which the message names.",
    "421": "The Host header is not one of this service.",
    "429": "This tenant is over its share; see Retry-After.",
    "500": "Internal error; the log has the details.",
    "503": "The service is busy or the engine is unavailable; see Retry-After.",
    "504": "The work exceeded its time limit.",
}

_JOB_LINKS: Final = {
    "job": ("get_job", "job_id", "/id"),
    "events": ("get_events", "job_id", "/id"),
    "cancel": ("cancel", "job_id", "/id"),
    "retry": ("retry", "job_id", "/id"),
    "resend": ("resend_webhook", "job_id", "/id"),
}
_ARTIFACT_LINK: Final = {"artifact": ("get_artifact", "artifact_id", "/metadata/artifact_id")}
_LINKS: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "POST /api/v1/jobs": _JOB_LINKS,
    "GET /api/v1/jobs": {"job": ("get_job", "job_id", "/jobs/0/id")},
    "GET /api/v1/artifacts": {
        "artifact": ("get_artifact", "artifact_id", "/artifacts/0/id"),
        "image": ("get_image", "artifact_id", "/artifacts/0/id"),
    },
    "POST /api/v1/categorize": _ARTIFACT_LINK,
    "POST /api/v1/search": _ARTIFACT_LINK,
    "POST /api/v1/extract-receipt": _ARTIFACT_LINK,
}


def _error(path: str, description: str) -> dict[str, Any]:
    if path == MESSAGES_PATH:
        schema = "AnthropicError"
    else:
        schema = "OpenAIError" if path.startswith("/v1/") else "ErrorResponse"
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
