"""One request's work as one artifact, committed before the answer."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from deployments.ingress.services import Parts
from deployments.ingress.wire import Answer, Envelope, request_id_of, tenant_of
from jobs.queue.job import Outcome
from jobs.storage.artifacts import Artifact
from sidecar.core.ids import new_id


def _as_sent(payload: BaseModel) -> dict[str, Any]:
    return payload.model_dump(mode="json", exclude_unset=True)


async def answered(
    parts: Parts,
    request: Request,
    body: Envelope[Any],
    feature: str,
    work: Callable[[str], Awaitable[Outcome]],
    kept: Callable[[Any], dict[str, Any]] = _as_sent,
) -> Answer:
    """Runs `work` for the request's tenant, records what came of it, and answers with it.

    `kept` says what of the payload the record keeps.

    What `work` raises is raised; only what succeeded is recorded. Raises DatabaseUnavailable when
    the record can't be written.
    """
    started = time.perf_counter()
    request_id = request_id_of(request, body.request_id)
    tenant_id = tenant_of(request, body.tenant_id)
    request.state.log["feature"] = feature
    outcome = await work(tenant_id)
    now = parts.clock()
    artifact = Artifact(
        id=new_id("art_", now),
        tenant_id=tenant_id,
        user_id=body.user_id,
        feature=feature,
        request_id=request_id,
        job_id=None,
        success=True,
        input_payload=kept(body.payload),
        output_payload=outcome.output,
        error_code=None,
        error_message=None,
        model_id=outcome.model_id,
        model_version=outcome.model_version,
        latency_ms=(time.perf_counter() - started) * 1000,
        created_at=now,
    )
    await parts.artifacts.add(artifact)
    return Answer.of(request_id, artifact)
