"""Helpers for the tests of in-process work."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from sidecar.core.settings import Settings


def job_context(payload: Mapping[str, Any]) -> JobContext:
    return JobContext(tenant_id="t1", payload=payload, image=None, settings=Settings())


async def collect(events: AsyncIterator[float | JobResult]) -> tuple[list[float], JobResult]:
    """Return the progress events, and the result."""
    *progress, result = [event async for event in events]
    assert isinstance(result, JobResult)
    return [event for event in progress if isinstance(event, float)], result
