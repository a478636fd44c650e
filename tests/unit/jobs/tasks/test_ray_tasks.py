"""Attempts as Ray tasks: which are killed at their end."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import RayTaskError, WorkerCrashedError

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.tasks import ray_tasks
from jobs.tasks.ray_tasks import RayAttempt
from sidecar.core.errors import OutOfMemory, ServiceError, TooLarge, WorkerDied
from sidecar.core.metrics import Meter
from sidecar.core.settings import Settings

RESULT = JobResult(output={}, model_id="m", model_version="1")


def attempt_of(monkeypatch: pytest.MonkeyPatch, data_dir: Path, *events: object) -> RayAttempt:
    """Return an attempt whose task yields the events, or raises those that are errors of Ray."""

    async def arrived(event: object) -> object:
        if isinstance(event, ray.exceptions.RayError):
            raise event
        return event

    async def references() -> AsyncIterator[Awaitable[object]]:
        for event in events:
            yield arrived(event)

    task = SimpleNamespace(remote=lambda *_: references())
    monkeypatch.setattr(ray_tasks, "run_attempt", SimpleNamespace(options=lambda **_: task))
    job_type = JobType(name="job", run=lambda _: iter(()), timeout_s=1, max_attempts=1, cpus=1)
    context = JobContext(
        tenant_id="t",
        payload={},
        image=None,
        settings=Settings(data_dir=data_dir),
        traceparent=None,
    )
    return RayAttempt(job_type, context, Meter)


@pytest.mark.parametrize(
    ("events", "error", "is_killed"),
    [
        ((0.0, RESULT), None, False),
        ((0.0,), None, True),
        ((0.0, RayTaskError("run_attempt", "", TooLarge("large"))), TooLarge, False),
        ((0.0, OutOfMemory("full")), OutOfMemory, True),
        ((0.0, WorkerCrashedError()), WorkerDied, True),
    ],
    ids=["result", "still running", "error of the work", "out of memory", "process died"],
)
async def test_a_task_that_has_ended_is_not_cancelled(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    events: tuple[object, ...],
    error: type[ServiceError] | None,
    is_killed: bool,
) -> None:
    cancelled: list[Any] = []
    monkeypatch.setattr(ray, "cancel", lambda task, *, force: cancelled.append((task, force)))
    attempt = attempt_of(monkeypatch, tmp_path, *events)
    seen: list[object] = []
    if error is None:
        seen = [event async for event in attempt]
        assert seen == list(events)
    else:
        with pytest.raises(error):
            seen = [event async for event in attempt]
    attempt.kill()
    assert bool(cancelled) == is_killed
