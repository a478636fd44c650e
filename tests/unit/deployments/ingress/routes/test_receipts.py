"""Synchronous receipt extraction."""

import asyncio
from typing import Any

import pytest

from jobs.queue.job import JobResult
from sidecar.core.setting_groups import EngineSettings
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import JPEG, TENANT, expect_error, submission
from tests.unit.sidecar.receipts.test_money_forms import flat


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


NUMBERS = (4.19, [0.59, 1.5])
TEXTS = ("4.19", ["0.59", "1.50"])
OBJECTS = (
    {"amount": "4.19", "currency": "USD"},
    [{"amount": "0.59", "currency": "USD"}, {"amount": "1.50", "currency": "USD"}],
)


@pytest.mark.parametrize(
    ("requested", "setting", "expected"),
    [
        (None, "number", NUMBERS),
        ("object", "number", OBJECTS),
        ("string", "object", TEXTS),
        (None, "object", OBJECTS),
        ("number", "string", NUMBERS),
    ],
)
async def test_money_has_the_form_of_the_request_or_of_the_setting(
    settings: Settings, requested: str | None, setting: str, expected: tuple[object, object]
) -> None:
    receipt = settings.receipt.model_copy(update={"money": setting})
    waiting = {"receipt": receipt, "sync_timeout_s": 10.0}
    async with serve_ingress(settings.model_copy(update=waiting)) as ingress:
        payload = {"image_base64": JPEG, "options": {"money": requested}}
        request = asyncio.create_task(
            ingress.http.post(
                "/api/v1/extract-receipt", json={"tenant_id": "t1", "payload": payload}
            )
        )
        job_id = (await ingress.http.post("/api/v1/jobs", json=submission(payload=payload))).json()[
            "id"
        ]
        done = 0
        async with asyncio.timeout(5):
            while done < 2:
                for claimed in await ingress.claims.claim(["receipt_extraction"], 2):
                    result = JobResult(output=flat(), model_id="m", model_version="1")
                    done += await ingress.claims.succeed(claimed, result)
                await asyncio.sleep(0.01)
        answer = (await request).json()
        job = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
        artifact_id = job["artifact_id"]
        path = f"/api/v1/artifacts/{artifact_id}"
        artifact = (await ingress.http.get(path, headers=TENANT)).json()
        page = (await ingress.http.get("/api/v1/artifacts", headers=TENANT)).json()["artifacts"]
    outputs: list[dict[str, Any]] = [
        answer["payload"],
        *(thing["output_payload"] for thing in (job, artifact, *page)),
    ]
    for output in outputs:
        assert (output["total"], [item["price"] for item in output["items"]]) == expected


async def test_an_unknown_form_of_money_is_refused(ingress: IngressClient) -> None:
    payload = {"image_base64": JPEG, "options": {"money": "cents"}}
    response = await ingress.http.post("/api/v1/jobs", json=submission(payload=payload))
    expect_error(response, 422, "validation_error", "payload.options.money")


@pytest.mark.parametrize(
    ("engine", "status"),
    [({}, 503), ({"vision": True}, 200), ({"vision_model": "zai-org/GLM-OCR"}, 200)],
)
async def test_the_vision_engine_is_refused_where_no_model_takes_images(
    settings: Settings, engine: dict[str, Any], status: int
) -> None:
    given = settings.model_copy(update={"engine": EngineSettings(**engine)})
    payload = {"image_base64": JPEG, "options": {"engine": "vision"}}
    async with serve_ingress(given) as ingress:
        response = await ingress.http.post("/api/v1/jobs", json=submission(payload=payload))
        if status == 503:
            expect_error(response, 503, "model_unavailable", "no vision model")
        assert response.status_code == status
