"""What is kept of a tenant, and its end."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request

from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, Wire, tenant_of


class Erased(Wire):
    """What there was of the tenant."""

    tenant_id: str
    erased: Mapping[str, int]


def tenants_router(parts: Parts) -> APIRouter:
    """DELETE /api/v1/tenants/{tenant_id}/data."""
    router = APIRouter(
        prefix="/api/v1/tenants", tags=["tenants"], responses=ERRORS, route_class=JsonRoute
    )

    @router.delete("/{tenant_id:path}/data", summary="Erase everything that is kept of a tenant")
    async def erase(request: Request, tenant_id: Annotated[str, Path(max_length=200)]) -> Erased:
        tenant_id = tenant_of(request, tenant_id)
        # A tenant of millions of rows takes longer than callers wait; it is erased all the same.
        erasing = asyncio.create_task(parts.erasure.erase(tenant_id))
        return Erased(tenant_id=tenant_id, erased=await asyncio.shield(erasing))

    return router
