"""A job's changes as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Self

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from deployments.http.schemas.common import AnswerModel, rfc3339
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.http.sse import comment, event_stream, json_event
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_tenant
from jobs.queue.job import FINAL, Job, JobEvent, JobStatus, Review
from jobs.queue.queue import JobSnapshot
from sidecar.core.errors import DatabaseUnavailable

router = APIRouter(
    prefix="/api/v1/jobs", tags=["jobs"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

#: Seconds without an event after which a comment keeps the connection alive.
HEARTBEAT_S = 10.0
#: Streams of one tenant at once, in each ingress replica: a fifth of the requests that it takes.
MAX_EVENT_STREAMS = 50


class JobChange(AnswerModel):
    """The data of one event, without the job's result."""

    job_id: str
    version: int
    status: JobStatus
    attempt: int
    progress: float
    error_code: str | None
    error_message: str | None
    review: Review | None
    created_at: str
    final: bool

    @classmethod
    def of(cls, event: JobEvent, *, final: bool) -> Self:
        return cls(**{**vars(event), "created_at": rfc3339(event.created_at), "final": final})


@router.get(
    "/{job_id}/events",
    summary="Stream the job's changes; the last event is final",
    response_class=StreamingResponse,
    responses={
        200: {"content": event_stream("JobChange")},
        204: {"description": "The job has ended; there are no more events."},
    },
)
async def get_events(
    request: Request,
    job_id: Annotated[str, Path(max_length=200)],
    services: ServicesDep,
    last_event_id: Annotated[int, Header(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Stream the job's changes after `Last-Event-ID` as server-sent events.

    A tenant may have 50 streams at once.
    """
    tenant_id = resolve_tenant(request)
    job = await services.queue.get(tenant_id, job_id, brief=True)
    if job.status in FINAL and last_event_id >= job.version:
        return Response(status_code=204)  # tells an EventSource not to reconnect
    with ExitStack() as until_sent:
        until_sent.enter_context(services.event_limiter.acquire(tenant_id))
        return _EventStream(job_events(services, job, after=last_event_id), until_sent.pop_all())


class _EventStream(StreamingResponse):
    """Server-sent events, at the end of which `until_sent` is closed."""

    def __init__(self, events: AsyncIterator[bytes], until_sent: ExitStack) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._until_sent = until_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._until_sent:
            await super().__call__(scope, receive, send)


async def job_events(services: Services, job: Job, *, after: int) -> AsyncIterator[bytes]:
    """Yield each change of status above version `after`, and progress as it is observed.

    The stream ends with the job's final event or at the request timeout. A client that reconnects
    with Last-Event-ID misses nothing.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + services.settings.sync_timeout_s
    last_snapshot: JobSnapshot | None = None
    sent: JobChange | None = None
    while clock() < deadline:
        try:
            async with asyncio.timeout(min(HEARTBEAT_S, deadline - clock())):
                snapshot = await services.watcher.wait_for_change(job.id, last_snapshot)
            if snapshot is None:
                return  # erased
            events = await services.queue.events(job.id, after=after)
        except (TimeoutError, DatabaseUnavailable):
            yield comment("waiting")
            continue
        for event in events:
            final = event.status in FINAL and event is events[-1]
            sent = JobChange.of(event, final=final)
            yield _frame(sent)
            if final:
                return
            after = event.version
        # When the events are newer than the snapshot, its progress is outdated.
        if sent is not None and snapshot.version == after and snapshot.progress != sent.progress:
            sent = sent.model_copy(update={"progress": snapshot.progress})
            yield _frame(sent)
        last_snapshot = snapshot


def _frame(change: JobChange) -> bytes:
    return json_event(change.model_dump_json(), id=str(change.version))
