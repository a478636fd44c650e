"""Resolves the tenant and the request id of a call."""

from starlette.requests import Request

from sidecar.core.errors import MissingTenant, TenantMismatch


def resolve_tenant(request: Request, in_body: str | None = None) -> str:
    """Return the tenant that the body, the X-Tenant-ID header and the query agree on.

    Raises:
        MissingTenant: when none of them names one, or the name isn't printable text.
        TenantMismatch: when two of them differ.
    """
    candidates = {
        in_body,
        request.headers.get("x-tenant-id"),
        request.query_params.get("tenant_id"),
    } - {None, ""}
    if not candidates:
        raise MissingTenant
    if len(candidates) > 1:
        raise TenantMismatch
    tenant = str(candidates.pop())
    if len(tenant) > 200 or not tenant.isprintable() or tenant.isspace():
        raise MissingTenant("The tenant must be printable text of at most 200 characters.")
    request.state.log["tenant_id"] = tenant
    return tenant


def resolve_request_id(request: Request, in_body: str | None = None) -> str:
    """Return the envelope's request_id, else the id that the middleware resolved."""
    if in_body is not None:
        request.state.request_id = in_body
    return str(request.state.request_id)
