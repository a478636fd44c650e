"""Synchronous receipt extraction."""

import asyncio

from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import JPEG, TENANT, expect_error


async def test_a_timeout_cancels_the_job(
    ingress: IngressClient,
) -> None:
    response = await ingress.http.post(
        "/api/v1/extract-receipt",
        json={"request_id": "r1", "tenant_id": "t1", "payload": {"image_base64": JPEG}},
    )
    expect_error(response, 504, "timeout")
    [job] = (await ingress.http.get("/api/v1/jobs", headers=TENANT)).json()["jobs"]
    assert job["status"] == "cancelled"


async def test_a_disconnect_cancels_the_job(settings: Settings) -> None:
    async with serve_ingress(settings.model_copy(update={"sync_timeout_s": 60.0})) as ingress:
        request = asyncio.create_task(
            ingress.http.post(
                "/api/v1/extract-receipt",
                json={"tenant_id": "t1", "payload": {"image_base64": JPEG}},
            )
        )
        async with asyncio.timeout(5):
            while (await ingress.queue.counts())["queued"] == 0:
                await asyncio.sleep(0.01)
            request.cancel()
            while (await ingress.queue.counts())["queued"] == 1:
                await asyncio.sleep(0.01)
