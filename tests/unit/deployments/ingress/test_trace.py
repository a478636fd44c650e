"""The caller's trace goes on with the job."""

import logging

import pytest

from tests.unit.deployments.conftest import Front
from tests.unit.deployments.ingress.test_requests import SUBMISSION

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(("sent", "kept"), [(PARENT, PARENT), ("00-no-trace-01", None)])
async def test_a_job_keeps_the_trace_it_came_with(
    front: Front, caplog: pytest.LogCaptureFixture, sent: str, kept: str | None
) -> None:
    with caplog.at_level(logging.INFO, "deployments"):
        answer = await front.client.post(
            "/api/v1/jobs", json=SUBMISSION, headers={"traceparent": sent}
        )
    job = await front.queue.get("t1", answer.json()["id"])
    assert job.traceparent == kept
    [line] = [record for record in caplog.records if record.message == "request"]
    assert vars(line)["trace_id"] == (TRACE if kept else None)
    assert vars(line)["job_id"] == job.id
