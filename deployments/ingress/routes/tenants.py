"""Erasure of a tenant's data."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request

from deployments.http.schemas.common import AnswerModel
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_tenant

router = APIRouter(
    prefix="/api/v1/tenants", tags=["tenants"], responses=ERROR_RESPONSES, route_class=JsonRoute
)


class ErasureResponse(AnswerModel):
    """The number of erased objects by kind."""

    tenant_id: str
    erased: Mapping[str, int]


@router.delete("/{tenant_id:path}/data", summary="Erase all data of a tenant")
async def erase(
    request: Request, tenant_id: Annotated[str, Path(max_length=200)], services: ServicesDep
) -> ErasureResponse:
    """Erase the tenant's data and cancel its running jobs."""
    tenant_id = resolve_tenant(request, tenant_id)
    # Erasing millions of rows can outlast the request, so a disconnect doesn't stop it.
    erasure = asyncio.create_task(_erase(tenant_id, services))
    return ErasureResponse(tenant_id=tenant_id, erased=await asyncio.shield(erasure))


async def _erase(tenant_id: str, services: Services) -> Mapping[str, int]:
    erased = await services.eraser.erase(tenant_id)
    await services.engine.forget(tenant_id)
    return erased
