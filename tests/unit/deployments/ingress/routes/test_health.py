"""Liveness and readiness over HTTP."""

from typing import Any

import pytest

from sidecar.core.setting_groups import EngineSettings
from sidecar.core.settings import Settings
from sidecar.llm.protocol import EngineState
from tests.unit.deployments.conftest import IngressClient, serve_ingress


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


async def test_an_engine_for_receipts_reports_its_own_state(settings: Settings) -> None:
    engine = EngineSettings(vision_model="zai-org/GLM-OCR")
    async with serve_ingress(settings.model_copy(update={"engine": engine})) as ingress:
        checks = (await ingress.http.get("/health/ready")).json()["checks"]
    assert checks["vision_engine"] == {"status": "ok", "detail": "1 replica"}
    async with serve_ingress(settings) as ingress:
        assert "vision_engine" not in (await ingress.http.get("/health/ready")).json()["checks"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_head_request_has_the_status_without_a_body(
    ingress: IngressClient, path: str
) -> None:
    response = await ingress.http.head(path)
    assert (response.status_code, response.content) == (200, b"")
