"""A job's changes as server-sent events (HTML Living Standard, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

from deployments.ingress.services import Parts
from deployments.ingress.wire import Wire, rfc3339
from jobs.queue.job import FINAL, Job, JobEvent, JobStatus
from jobs.queue.queue import Seen
from sidecar.core.errors import DatabaseUnavailable

#: Seconds of silence after which a comment keeps the connection alive.
HEARTBEAT_S = 10.0

#: For the OpenAPI document: the shape of one event of a stream.
EVENTS: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "required": ["data"],
            "properties": {"id": {"type": "string"}, "data": {"type": "string"}},
        }
    }
}


class JobChange(Wire):
    """The data of one event; the result is fetched with the job."""

    job_id: str
    version: int
    status: JobStatus
    attempt: int
    progress: float
    error_code: str | None
    error_message: str | None
    created_at: str
    final: bool

    @classmethod
    def of(cls, event: JobEvent, *, final: bool) -> Self:
        """The event as a caller sees it."""
        return cls(**{**vars(event), "created_at": rfc3339(event.created_at), "final": final})


async def job_events(parts: Parts, job: Job, *, after: int) -> AsyncIterator[str]:
    """Each change of status above version `after`, and progress as it is seen. Ends with the one
    that ended the job, or when it has lasted as long as any request may; a client that connects
    again with Last-Event-ID misses nothing.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + parts.settings.wait_timeout_s
    seen: Seen | None = None
    shown: JobChange | None = None
    while clock() < until:
        try:
            async with asyncio.timeout(min(HEARTBEAT_S, until - clock())):
                now = await parts.watch.changed(job.id, seen)
            if now is None:
                return  # erased
            events = await parts.queue.events(job.id, after=after)
        except (TimeoutError, DatabaseUnavailable):
            yield ": waiting\n\n"
            continue
        for event in events:
            final = event.status in FINAL and event is events[-1]
            shown = JobChange.of(event, final=final)
            yield _framed(shown)
            if final:
                return
            after = event.version
        # What was shown may be newer than what was seen: then nothing has moved since.
        if shown is not None and now.version == after and now.progress != shown.progress:
            shown = shown.model_copy(update={"progress": now.progress})
            yield _framed(shown)
        seen = now


def _framed(change: JobChange) -> str:
    return f"id: {change.version}\ndata: {change.model_dump_json()}\n\n"
