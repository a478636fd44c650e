"""Webhooks: another delivery of a job's, and a ping of a receiver."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.http.schemas.jobs import JobResponse
from deployments.http.schemas.webhooks import PingRequest, PingResponse
from deployments.ingress.json import JsonRoute
from deployments.ingress.routes.jobs import TenantBody, job_response
from deployments.ingress.services import ServicesDep
from deployments.ingress.tenancy import resolve_tenant
from jobs.queue.webhook_messages import message
from sidecar.core.errors import BadRequest, BlockedUrl
from sidecar.core.ids import new_id
from sidecar.core.ssrf import blocked_field, post
from sidecar.core.standard_webhooks import signed_headers

router = APIRouter(
    prefix="/api/v1", tags=["jobs"], responses=ERROR_RESPONSES, route_class=JsonRoute
)


@router.post(
    "/jobs/{job_id}/webhook/resend",
    summary="Call a job's callback_url again",
    response_model=JobResponse,
)
async def resend_webhook(
    request: Request,
    job_id: Annotated[str, Path(max_length=200)],
    services: ServicesDep,
    body: TenantBody | None = None,
) -> Response:
    """Deliver the webhook of a finished job again, with the same webhook-id."""
    tenant_id = resolve_tenant(request, body.tenant_id if body else None)
    await services.webhooks.resend(tenant_id, job_id)
    return await job_response(services, tenant_id, job_id)


@router.post("/webhooks/ping", summary="Try out a receiver of webhooks")
async def ping_webhook(request: Request, body: PingRequest, services: ServicesDep) -> PingResponse:
    """Send a signed event `webhook.ping` once and return what the receiver answered."""
    tenant_id = resolve_tenant(request, body.tenant_id)
    settings = services.settings
    now = services.clock()
    webhook_id = new_id("ping_", now)
    content = message("webhook.ping", now, {"tenant_id": tenant_id})
    status, error_message = None, None
    started = time.perf_counter()
    with services.ping_limiter.acquire(tenant_id), blocked_field("callback_url"):
        try:
            status = await post(
                body.callback_url,
                content,
                signed_headers(webhook_id, content, now, settings.webhook.keys),
                timeout_s=settings.url_timeout_s,
                allowed_networks=settings.ssrf_allowed_networks,
            )
        except BlockedUrl:
            raise
        except BadRequest as error:
            error_message = error.message
    delivered = status is not None and 200 <= status < 300
    if status is not None and not delivered:
        error_message = f"The URL answered with status {status}."
    return PingResponse(
        webhook_id=webhook_id,
        delivered=delivered,
        response_status=status,
        error_message=error_message,
        latency_ms=round((time.perf_counter() - started) * 1000, 1),
    )
