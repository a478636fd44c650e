"""Liveness, without dependencies, and readiness of every part."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from deployments.http.schemas.common import AnswerModel
from deployments.http.schemas.errors import ERROR_RESPONSES, ErrorResponse
from deployments.ingress.health_checks import HealthCheck
from deployments.ingress.services import ServicesDep

#: The proxy's answers in the place of this ingress: 503 while no replica has started.
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: ERROR_RESPONSES[status] for status in (400, 408, 413, 421, 500, 503, 504)
}

router = APIRouter(tags=["health"], responses=_RESPONSES)


class LivenessResponse(AnswerModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class ReadinessResponse(AnswerModel):
    """The state of every part: degraded when some are down, error when none works."""

    status: Literal["ok", "degraded", "error"]
    version: str
    checks: Mapping[str, HealthCheck]


@router.head("/health", include_in_schema=False)
@router.head("/health/live", include_in_schema=False)
@router.get("/health", name="health", summary="Liveness")
@router.get("/health/live", summary="Liveness")
async def live(services: ServicesDep) -> LivenessResponse:
    """Return the version without checking any other part."""
    return LivenessResponse(version=services.version)


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    summary="Readiness of each part",
    responses={
        503: {
            "model": ReadinessResponse | ErrorResponse,
            "description": "None of the parts works, or the service is starting.",
        }
    },
)
async def ready(request: Request, response: Response, services: ServicesDep) -> ReadinessResponse:
    """Check every part. Only callers with the token see details."""
    checks = await services.health.run()
    if not request.state.trusted:
        checks = {name: HealthCheck(status=check.status) for name, check in checks.items()}
    statuses = {check.status for name, check in checks.items() if name != "hardware"}
    status: Literal["ok", "degraded", "error"] = "degraded" if "error" in statuses else "ok"
    if "ok" not in statuses:
        status = "error"
        response.status_code = 503
    return ReadinessResponse(status=status, version=services.version, checks=checks)
