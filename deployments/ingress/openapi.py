"""The OpenAPI document: what FastAPI derives from the routes, and what it can't know.

That is the tenant's header, which errors an operation has, an example of each request, how one
answer leads to the next request, and the token where one is asked for.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI

from deployments.ingress.auth import PUBLIC_PATHS
from deployments.ingress.examples import EXAMPLE_BODIES, EXAMPLE_IDS

Operation = dict[str, Any]

_TENANT: Final = {
    "name": "X-Tenant-ID",
    "in": "header",
    "description": "The tenant, unless the body or the query names it as tenant_id.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[!-~]+$"},
    "example": "demo",
}
#: A vector is nobody's.
_WITHOUT_TENANT = ("/health", "/v1/models", "/api/v1/embed")

_OPENAI_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {
                    "enum": ["invalid_request_error", "rate_limit_error", "server_error"],
                },
                "param": {"type": "null"},
                "code": {"type": "string"},
            },
        }
    },
}


def document(app: FastAPI, *, tokens: bool) -> Callable[[], dict[str, Any]]:
    """What `app.openapi` is to be; the document is made once, when it is first asked for."""
    derived = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(derived(), tokens=tokens)
        return app.openapi_schema

    return whole


def _completed(derived: dict[str, Any], *, tokens: bool) -> dict[str, Any]:
    schemas = derived["components"]["schemas"]
    schemas["OpenAIError"] = _OPENAI_ERROR
    for framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework, None)  # errors have the service's own shape
    for path, operations in derived["paths"].items():
        for method, operation in operations.items():
            _complete(operation, f"{method.upper()} {path}")
            if tokens and path not in PUBLIC_PATHS:
                operation["security"] = [{"token": []}, {"password": []}]
                operation["responses"]["401"] = _error(path, "None of the service's tokens.")
    if tokens:
        derived["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "password": {
                "type": "http",
                "scheme": "basic",
                "description": "For browsers: any user, the token as the password.",
            },
        }
    return derived


def _complete(operation: Operation, name: str) -> None:
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
        operation["responses"].pop("422", None)  # OpenAI answers those with 400
        for status, description in _OPENAI_ERRORS.items():
            operation["responses"][status] = _error(path, description)
    for link, (target, of_target, pointer) in _LINKS.get(name, {}).items():
        operation["responses"]["200"].setdefault("links", {})[link] = {
            "operationId": target,
            "parameters": {of_target: f"$response.body#{pointer}"},
        }


_OPENAI_ERRORS: Final = {
    "400": "The input can never work.",
    "413": "Over a limit, which is named.",
    "429": "This tenant is over its share; see Retry-After.",
    "500": "A bug; the log holds the rest.",
    "503": "Busy, or the engine is not there; see Retry-After.",
    "504": "The work ran out of its time limit.",
}

_OF_JOB: Final = {
    "job": ("get_job", "job_id", "/id"),
    "events": ("get_events", "job_id", "/id"),
    "cancel": ("cancel", "job_id", "/id"),
    "retry": ("retry", "job_id", "/id"),
}
_OF_ANSWER: Final = {"artifact": ("get_artifact", "artifact_id", "/metadata/artifact_id")}
_LINKS: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "POST /api/v1/jobs": _OF_JOB,
    "GET /api/v1/jobs": {"job": ("get_job", "job_id", "/jobs/0/id")},
    "GET /api/v1/artifacts": {
        "artifact": ("get_artifact", "artifact_id", "/artifacts/0/id"),
        "image": ("get_image", "artifact_id", "/artifacts/0/id"),
    },
    "POST /api/v1/categorize": _OF_ANSWER,
    "POST /api/v1/search": _OF_ANSWER,
    "POST /api/v1/extract-receipt": _OF_ANSWER,
}


def _error(path: str, description: str) -> dict[str, Any]:
    schema = "OpenAIError" if path.startswith("/v1/") else "ErrorResponse"
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
