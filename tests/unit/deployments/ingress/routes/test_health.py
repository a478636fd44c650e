"""Liveness and readiness over HTTP."""

from typing import Any

import pytest

from sidecar.llm.protocol import EngineState
from tests.unit.deployments.conftest import IngressClient


async def test_every_part_reports_its_own_state(ingress: IngressClient) -> None:
    ready = (await ingress.http.get("/health/ready")).json()
    assert (ready["status"], ready["version"]) == ("ok", "1.2.3")
    assert ready["checks"]["database"]["detail"] == "0 jobs queued, 0 jobs running"
    assert ready["checks"]["job_runner"] == {"status": "ok", "detail": "1 attempt running"}
    assert (await ingress.http.get("/health")).json()["status"] == "ok"


@pytest.mark.parametrize(
    ("state", "status"),
    [("ok", "ok"), ("loading", "ok"), ("off", "ok"), ("down", "degraded")],
)
async def test_only_an_engine_that_is_down_degrades_the_service(
    ingress: IngressClient, state: Any, status: str
) -> None:
    ingress.engine.status = EngineState(state, "so it is")
    ready = (await ingress.http.get("/health/ready")).json()
    assert ready["status"] == status
    assert ready["checks"]["engine"]["detail"] == "so it is"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_head_request_has_the_status_without_a_body(
    ingress: IngressClient, path: str
) -> None:
    response = await ingress.http.head(path)
    assert (response.status_code, response.content) == (200, b"")
