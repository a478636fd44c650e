"""Runs a job for a caller who waits: at a higher priority, and cancelled when the caller leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import Request

from deployments.ingress.services import Services
from jobs.queue.job import Job, JobStatus, NewJob, Priority
from jobs.storage.artifacts import Artifact
from sidecar.core.errors import Conflict, DeadlineExceeded, Overloaded, ServiceError, from_code

log = logging.getLogger(__name__)

#: Seconds after which a caller may look whether a pause has ended.
_PAUSE_RETRY_AFTER_S: Final = 60


async def run_waiting_job(
    services: Services,
    request: Request,
    tenant_id: str,
    user_id: str | None,
    feature: str,
    prepare: Callable[[], Awaitable[Mapping[str, Any]]],
) -> Artifact:
    """Run a job at the priority of waiting callers and return its artifact.

    `prepare` stores what the payload needs, once the job is admitted, and returns the payload. The
    job is cancelled on a timeout or a disconnect.

    Raises:
        Overloaded: when the queue is paused or full.
        TooManyRequests: when the tenant's share of the queue is full.
        DeadlineExceeded: when the job exceeds the synchronous timeout.
        ServiceError: when `prepare` raises it, or the job failed with it.
    """
    request.state.log["feature"] = feature
    if feature in await services.queue.pauses():
        raise Overloaded(
            f"The operator has paused {feature}; submit a job, which waits for the end of the "
            "pause.",
            retry_after_s=_PAUSE_RETRY_AFTER_S,
        )
    await services.admission.reserve(tenant_id)
    job = await services.queue.submit(
        NewJob(
            tenant_id=tenant_id,
            user_id=user_id,
            feature=feature,
            input_payload=await prepare(),
            request_id=request.state.request_id,
            priority=Priority.INTERACTIVE,
            max_attempts=services.job_types[feature].max_attempts,
            traceparent=request.state.traceparent,
        )
    )
    request.state.log["job_id"] = job.id
    timeout_s = services.settings.sync_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            await services.watcher.wait_until_finished(job.id)
    except TimeoutError as error:
        await _cancel(services, job)
        raise DeadlineExceeded(
            f"It was not read within {timeout_s:g} s; submit it as a job to wait longer."
        ) from error
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.create_task(_cancel(services, job)))
        raise
    job = await services.queue.get(tenant_id, job.id, brief=True)
    if job.status is JobStatus.CANCELLED:
        raise Conflict("The job was cancelled.")
    if job.artifact_id is None:
        raise from_code(job.error_code, job.error_message)
    return await services.artifacts.get(tenant_id, job.artifact_id)


async def _cancel(services: Services, job: Job) -> None:
    try:
        await services.queue.cancel(job.tenant_id, job.id)
    except ServiceError as error:  # the job has just ended, or the database is down
        log.info("job was not cancelled", extra={"job_id": job.id, "code": error.code})
