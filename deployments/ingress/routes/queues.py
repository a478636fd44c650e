"""The queue of each feature, which the operator can pause."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Request
from pydantic import Field, StringConstraints

from deployments.http.schemas.common import AnswerModel, ApiModel, Name, rfc3339
from deployments.http.schemas.errors import ERROR_RESPONSES, ErrorResponse
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import refuse_tenant
from jobs.queue.job import Pause
from sidecar.core.errors import NotFound

router = APIRouter(
    prefix="/api/v1/queues", tags=["queues"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

Feature = Annotated[str, Path(max_length=50, examples=["receipt_extraction"])]
#: Storable in every database, so without control characters.
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")
]
_FORBIDDEN: Final[dict[int | str, dict[str, Any]]] = {
    403: {"model": ErrorResponse, "description": "The call is for a tenant."}
}


class ResumeRequest(ApiModel):
    """The optional body of a resumption."""

    tenant_id: Name | None = Field(None, description="Refused: a pause concerns every tenant.")


class PauseRequest(ResumeRequest):
    """The optional body of a pause."""

    reason: Reason | None = Field(None, description="For whoever looks at the queue.")


class QueueResponse(AnswerModel):
    """The queue of one feature."""

    feature: str
    paused: bool = Field(description="Whether its jobs wait for the end of a pause.")
    paused_at: str | None
    reason: str | None

    @classmethod
    def of(cls, feature: str, pause: Pause | None) -> Self:
        if pause is None:
            return cls(feature=feature, paused=False, paused_at=None, reason=None)
        paused_at = rfc3339(pause.paused_at)
        return cls(feature=feature, paused=True, paused_at=paused_at, reason=pause.reason)


class QueueList(AnswerModel):
    """The queues of all features."""

    queues: Sequence[QueueResponse]


@router.get("", summary="List the queues")
async def list_queues(services: ServicesDep) -> QueueList:
    """Return each feature's queue and whether it is paused."""
    pauses = await services.queue.pauses()
    return QueueList(
        queues=[QueueResponse.of(name, pauses.get(name)) for name in sorted(services.job_types)]
    )


@router.post("/{feature}/pause", summary="Pause a queue", responses=_FORBIDDEN)
async def pause_queue(
    request: Request, feature: Feature, services: ServicesDep, body: PauseRequest | None = None
) -> QueueResponse:
    """Start no more jobs of the feature, over all tenants, until the queue is resumed.

    Running attempts go on, and jobs are still accepted.
    """
    refuse_tenant(request, body.tenant_id if body else None)
    _check_known(services, feature)
    pause = await services.queue.pause(feature, body.reason if body else None)
    return QueueResponse.of(feature, pause)


@router.post("/{feature}/resume", summary="Resume a queue", responses=_FORBIDDEN)
async def resume_queue(
    request: Request, feature: Feature, services: ServicesDep, body: ResumeRequest | None = None
) -> QueueResponse:
    """Start the feature's jobs again."""
    refuse_tenant(request, body.tenant_id if body else None)
    _check_known(services, feature)
    await services.queue.resume(feature)
    return QueueResponse.of(feature, None)


def _check_known(services: Services, feature: str) -> None:
    if feature not in services.job_types:
        known = ", ".join(sorted(services.job_types))
        raise NotFound(f"There is no such queue. Known are {known}.")
