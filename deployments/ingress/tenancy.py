"""Resolves the tenant and the request id of a call."""

import re

from starlette.requests import Request

from sidecar.core.errors import BadRequest, Forbidden, MissingTenant, TenantMismatch

_HEADER = "x-tenant-id"
_KEY = re.compile(r"[\x20-\x7e]{1,200}")


def resolve_tenant(request: Request, in_body: str | None = None) -> str:
    """Return the tenant that the body, the X-Tenant-ID header and the query agree on.

    Raises:
        MissingTenant: when none of them names one, or the name isn't printable text in UTF-8.
        TenantMismatch: when two of them differ, several headers or query parameters included.
    """
    try:
        # Starlette decodes headers as Latin-1.
        headers = [name.encode("latin-1").decode() for name in request.headers.getlist(_HEADER)]
    except UnicodeDecodeError as error:
        raise MissingTenant("The header X-Tenant-ID must be text in UTF-8.") from error
    candidates = {in_body, *headers, *request.query_params.getlist("tenant_id")} - {None, ""}
    if not candidates:
        raise MissingTenant
    if len(candidates) > 1:
        raise TenantMismatch
    tenant = str(candidates.pop())
    if len(tenant) > 200 or not tenant.isprintable() or tenant.isspace():
        raise MissingTenant("The tenant must be printable text of at most 200 characters.")
    request.state.log["tenant_id"] = tenant
    return tenant


def refuse_tenant(request: Request, in_body: str | None = None) -> None:
    """Raise Forbidden when the call names a tenant: what it does concerns all of them."""
    if in_body or request.headers.get(_HEADER) or request.query_params.get("tenant_id"):
        raise Forbidden(
            "This concerns every tenant, so it is the operator's: send no X-Tenant-ID and no "
            "tenant_id."
        )


def resolve_openai_tenant(request: Request, user: str | None) -> str:
    """Return the tenant of a call below /v1: the header's, else the query's, else OpenAI's `user`.

    Raises:
        MissingTenant: when none of them names one, or the name isn't printable text.
        TenantMismatch: when header and query differ.
    """
    named = "x-tenant-id" in request.headers or "tenant_id" in request.query_params
    try:
        return resolve_tenant(request, None if named else user)
    except MissingTenant as error:
        if named or user:
            raise
        raise MissingTenant("Name a tenant: the header X-Tenant-ID, or the field user.") from error


def resolve_idempotency_key(request: Request, in_body: str | None = None) -> str | None:
    """Return the key of a submission: request_id, Idempotency-Key, or the caller's X-Request-ID.

    Raises:
        BadRequest: when the first two differ, or the header isn't printable ASCII.
    """
    in_header = request.headers.get("idempotency-key")
    if in_header is not None and not _KEY.fullmatch(in_header):
        raise BadRequest("Idempotency-Key must have 1 to 200 printable ASCII characters.")
    if in_body is not None and in_header not in (None, in_body):
        raise BadRequest("The request_id and the Idempotency-Key differ; send one of them.")
    key: str | None = in_body or in_header or request.state.callers_request_id
    return key


def resolve_request_id(request: Request, in_body: str | None = None) -> str:
    """Return the envelope's request_id, else the id that the middleware resolved."""
    if in_body is not None:
        request.state.request_id = in_body
    return str(request.state.request_id)
