"""Erasure of everything that is stored of a tenant."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request

from deployments.http.schemas.common import ApiModel
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from deployments.ingress.tenancy import resolve_tenant

router = APIRouter(
    prefix="/api/v1/tenants", tags=["tenants"], responses=ERROR_RESPONSES, route_class=JsonRoute
)


class ErasureResponse(ApiModel):
    """How much there was of the tenant, by kind."""

    tenant_id: str
    erased: Mapping[str, int]


@router.delete("/{tenant_id:path}/data", summary="Erase everything that is kept of a tenant")
async def erase(
    request: Request, tenant_id: Annotated[str, Path(max_length=200)], services: ServicesDep
) -> ErasureResponse:
    """Erase the tenant; its running jobs are cancelled."""
    tenant_id = resolve_tenant(request, tenant_id)
    # A tenant of millions of rows takes longer than callers wait; it is erased all the same.
    erasure = asyncio.create_task(services.eraser.erase(tenant_id))
    return ErasureResponse(tenant_id=tenant_id, erased=await asyncio.shield(erasure))
