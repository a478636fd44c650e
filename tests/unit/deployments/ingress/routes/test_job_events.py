"""A job's changes as they are pushed."""

import asyncio
import json
from typing import Any

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobResult
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import Front, serving
from tests.unit.deployments.ingress.test_errors import TENANT, expect, submission

DONE = JobResult(output={}, model_id="m", model_version="1")


async def submit(front: Front) -> str:
    return str((await front.client.post("/api/v1/jobs", json=submission())).json()["id"])


async def events(front: Front, job_id: str, **headers: str) -> list[dict[str, Any]]:
    path = f"/api/v1/jobs/{job_id}/events"
    answer = await front.client.get(path, headers={**TENANT, **headers})
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"sync_timeout_s": 5.0})


async def test_every_change_is_pushed_and_the_last_one_is_final(front: Front) -> None:
    job_id = await submit(front)
    watched = [asyncio.create_task(events(front, job_id)) for _ in range(20)]
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    await front.claims.fail(held, AttemptError(code="internal", message="No.", retryable=True))
    waiting = Claims(front.database, runner="r2")
    while not (claimed := await waiting.claim(["receipt_extraction"], 1)):
        await asyncio.sleep(0.01)
    await waiting.succeed(claimed[0], DONE)
    for seen in await asyncio.gather(*watched):
        assert [change["status"] for change in seen if change["progress"] in (0, 1)] == [
            "queued",
            "running",
            "queued",
            "running",
            "succeeded",
        ]
        assert [change["final"] for change in seen] == [False] * (len(seen) - 1) + [True]
        assert seen[2]["error_message"] == "No."


async def test_progress_is_pushed_while_the_work_goes_on(front: Front) -> None:
    job_id = await submit(front)
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    watched = asyncio.create_task(events(front, job_id))
    reported = 0.0
    while not watched.done() and reported < 0.9:
        reported += 0.1
        await front.claims.report_progress(held, reported)
        await asyncio.sleep(0.02)
    await front.claims.succeed(held, DONE)
    seen = [change["progress"] for change in await watched]
    assert len(seen) > 4
    assert seen == sorted(seen)


async def test_who_connects_again_misses_nothing_and_gets_nothing_twice(front: Front) -> None:
    job_id = await submit(front)
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    await front.claims.succeed(held, DONE)
    assert [c["version"] for c in await events(front, job_id, **{"last-event-id": "1"})] == [2, 3]
    path = f"/api/v1/jobs/{job_id}/events"
    ended = await front.client.get(path, headers={**TENANT, "last-event-id": "3"})
    assert ended.status_code == 204


async def test_a_stream_ends_in_time_and_goes_on_with_the_next(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"wait_timeout_s": 0.1})) as front:
        job_id = await submit(front)
        [first] = await events(front, job_id)
        assert (first["status"], first["final"]) == ("queued", False)
        await front.queue.cancel("t1", job_id)
        [last] = await events(front, job_id, **{"last-event-id": str(first["version"])})
        assert (last["status"], last["final"]) == ("cancelled", True)


async def test_another_tenants_job_is_not_there(front: Front) -> None:
    path = f"/api/v1/jobs/{await submit(front)}/events"
    expect(await front.client.get(path, headers={"x-tenant-id": "t2"}), 404, "not_found")
    bad = await front.client.get(path, headers={**TENANT, "last-event-id": "x"})
    expect(bad, 422, "validation_error")
