"""Records the result of a synchronous request as an artifact before responding."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request

from deployments.http.schemas.common import Envelope, SuccessResponse
from deployments.ingress.offloading import off_loop
from deployments.ingress.services import Services
from deployments.ingress.tenancy import resolve_request_id, resolve_tenant
from jobs.queue.job import JobResult
from jobs.storage.artifacts import Artifact
from sidecar.core.ids import new_id
from sidecar.core.validation import dump_sent


async def record_response(
    services: Services,
    request: Request,
    body: Envelope[Any],
    feature: str,
    run: Callable[[str], Awaitable[JobResult]],
    redact: Callable[[Any], dict[str, Any]] = dump_sent,
) -> SuccessResponse[Any]:
    """Run the work for the request's tenant, record its result and build the response.

    `redact` returns the part of the payload to record. Failed work is not recorded.

    Raises:
        DatabaseUnavailable: when the artifact can't be written.
        ServiceError: when `run` raises it.
    """
    started = time.perf_counter()
    request_id = resolve_request_id(request, body.request_id)
    tenant_id = resolve_tenant(request, body.tenant_id)
    request.state.log["feature"] = feature
    result = await run(tenant_id)
    now = services.clock()
    artifact = Artifact(
        id=new_id("art_", now),
        tenant_id=tenant_id,
        user_id=body.user_id,
        feature=feature,
        request_id=request_id,
        job_id=None,
        success=True,
        input_payload=await off_loop(len(await request.body()), redact, body.payload),
        output_payload=result.output,
        error_code=None,
        error_message=None,
        model_id=result.model_id,
        model_version=result.model_version,
        latency_ms=(time.perf_counter() - started) * 1000,
        created_at=now,
    )
    await services.artifacts.add(artifact)
    return SuccessResponse.of(request_id, artifact)
