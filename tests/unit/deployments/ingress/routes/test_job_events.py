"""The stream of a job's changes."""

import asyncio
import json
from typing import Any

import pytest

from deployments.ingress.routes.job_events import MAX_EVENT_STREAMS
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobResult
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT, expect_error, submission

DONE = JobResult(output={}, model_id="m", model_version="1")


async def submit(ingress: IngressClient) -> str:
    return str((await ingress.http.post("/api/v1/jobs", json=submission())).json()["id"])


async def events(ingress: IngressClient, job_id: str, **headers: str) -> list[dict[str, Any]]:
    path = f"/api/v1/jobs/{job_id}/events"
    response = await ingress.http.get(path, headers={**TENANT, **headers})
    assert response.headers["content-type"].startswith("text/event-stream")
    return [
        json.loads(line.removeprefix("data: "))
        for line in response.text.splitlines()
        if line.startswith("data: ")
    ]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"sync_timeout_s": 5.0})


async def test_every_change_is_sent_and_the_last_one_is_final(ingress: IngressClient) -> None:
    job_id = await submit(ingress)
    streams = [asyncio.create_task(events(ingress, job_id)) for _ in range(20)]
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    await ingress.claims.fail(claimed, AttemptError(code="internal", message="No.", retryable=True))
    second_runner = Claims(ingress.database, runner="r2")
    while not (reclaimed := await second_runner.claim(["receipt_extraction"], 1)):
        await asyncio.sleep(0.01)
    await second_runner.succeed(reclaimed[0], DONE)
    for changes in await asyncio.gather(*streams):
        assert [change["status"] for change in changes if change["progress"] in (0, 1)] == [
            "queued",
            "running",
            "queued",
            "running",
            "succeeded",
        ]
        assert [change["final"] for change in changes] == [False] * (len(changes) - 1) + [True]
        assert changes[2]["error_message"] == "No."


async def test_progress_is_sent_while_the_job_runs(ingress: IngressClient) -> None:
    job_id = await submit(ingress)
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    stream = asyncio.create_task(events(ingress, job_id))
    reported = 0.0
    while not stream.done() and reported < 0.9:
        reported += 0.1
        await ingress.claims.report_progress(claimed, reported)
        await asyncio.sleep(0.02)
    await ingress.claims.succeed(claimed, DONE)
    progress = [change["progress"] for change in await stream]
    assert len(progress) > 4
    assert progress == sorted(progress)


async def test_a_reconnecting_client_gets_each_event_once(ingress: IngressClient) -> None:
    job_id = await submit(ingress)
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    await ingress.claims.succeed(claimed, DONE)
    assert [
        change["version"] for change in await events(ingress, job_id, **{"last-event-id": "1"})
    ] == [2, 3]
    path = f"/api/v1/jobs/{job_id}/events"
    ended = await ingress.http.get(path, headers={**TENANT, "last-event-id": "3"})
    assert ended.status_code == 204


async def test_a_stream_ends_at_the_timeout_and_the_next_one_continues(settings: Settings) -> None:
    async with serve_ingress(settings.model_copy(update={"sync_timeout_s": 0.1})) as ingress:
        job_id = await submit(ingress)
        [first] = await events(ingress, job_id)
        assert (first["status"], first["final"]) == ("queued", False)
        await ingress.queue.cancel("t1", job_id)
        [last] = await events(ingress, job_id, **{"last-event-id": str(first["version"])})
        assert (last["status"], last["final"]) == ("cancelled", True)


async def test_streams_of_one_tenant_leave_room_for_others(settings: Settings) -> None:
    async with serve_ingress(settings.model_copy(update={"sync_timeout_s": 0.5})) as ingress:
        path = f"/api/v1/jobs/{await submit(ingress)}/events"
        streams = [
            asyncio.create_task(ingress.http.get(path, headers=TENANT))
            for _ in range(MAX_EVENT_STREAMS + 1)
        ]
        answers = await asyncio.gather(*streams)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * MAX_EVENT_STREAMS + [429]
        assert (await ingress.http.get(path, headers=TENANT)).status_code == 200


async def test_another_tenants_job_is_not_found(ingress: IngressClient) -> None:
    path = f"/api/v1/jobs/{await submit(ingress)}/events"
    expect_error(await ingress.http.get(path, headers={"x-tenant-id": "t2"}), 404, "not_found")
    bad = await ingress.http.get(path, headers={**TENANT, "last-event-id": "x"})
    expect_error(bad, 422, "validation_error")
