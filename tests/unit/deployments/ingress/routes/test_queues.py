"""Pauses of queues over HTTP."""

import asyncio

from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import SUBMISSION, TENANT, expect_error

PAUSE = "/api/v1/queues/receipt_extraction/pause"
RESUME = "/api/v1/queues/receipt_extraction/resume"
FEATURES = ["receipt_extraction", "embedding_batch"]


async def test_a_paused_queue_accepts_jobs_and_starts_none(settings: Settings) -> None:
    notified = asyncio.Event()
    async with serve_ingress(settings, on_queued=notified.set) as ingress:
        paused = (await ingress.http.post(PAUSE, json={"reason": "New model"})).json()
        assert (paused["feature"], paused["paused"]) == ("receipt_extraction", True)
        assert paused["reason"] == "New model"
        job = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()
        embedding = {"texts": [{"id": "a", "text": "milk"}]}
        other = {**SUBMISSION, "feature": "embedding_batch", "payload": embedding}
        running = (await ingress.http.post("/api/v1/jobs", json=other)).json()
        assert [claim.id for claim in await ingress.claims.claim(FEATURES, 9)] == [running["id"]]
        notified.clear()
        resumed = (await ingress.http.post(RESUME)).json()
        assert resumed == {
            "feature": "receipt_extraction",
            "paused": False,
            "paused_at": None,
            "reason": None,
        }
        assert notified.is_set(), "the runner is told"
        assert [claim.id for claim in await ingress.claims.claim(FEATURES, 9)] == [job["id"]]


async def test_a_pause_is_durable_listed_and_repeatable(settings: Settings) -> None:
    async with serve_ingress(settings) as ingress:
        first = (await ingress.http.post(PAUSE)).json()
        assert await ingress.http.post(RESUME.replace("receipt_extraction", "embedding_batch"))
    async with serve_ingress(settings) as ingress:
        second = (await ingress.http.post(PAUSE, json={"reason": "x"})).json()
        assert second == {**first, "reason": "x"}, "it goes on"
        queues = (await ingress.http.get("/api/v1/queues")).json()["queues"]
        assert [queue["feature"] for queue in queues if queue["paused"]] == ["receipt_extraction"]
        assert {"meal_optimization", "embedding_batch"} < {queue["feature"] for queue in queues}
        checks = (await ingress.http.get("/health/ready")).json()["checks"]
        assert checks["database"]["detail"].endswith(", receipt_extraction paused")
        assert checks["database"]["status"] == "ok"


async def test_a_tenant_pauses_and_resumes_nothing(ingress: IngressClient) -> None:
    for path in (PAUSE, RESUME):
        for request in (
            {"headers": TENANT},
            {"params": {"tenant_id": "t1"}},
            {"json": {"tenant_id": "t1"}},
        ):
            response = await ingress.http.post(path, **request)
            expect_error(response, 403, "forbidden", "the operator's")
    queues = (await ingress.http.get("/api/v1/queues", headers=TENANT)).json()["queues"]
    assert not any(queue["paused"] for queue in queues), "anybody may look"


async def test_only_queues_that_exist_are_paused(ingress: IngressClient) -> None:
    for feature in ("nothing", "a" * 50, "%0A"):
        response = await ingress.http.post(f"/api/v1/queues/{feature}/pause")
        expect_error(response, 404, "not_found", "Known are")
    for reason in ("", "x" * 501, "\0", 7):
        response = await ingress.http.post(PAUSE, json={"reason": reason})
        expect_error(response, 422, "validation_error", "reason")


async def test_a_caller_who_waits_for_a_paused_reading_is_told(ingress: IngressClient) -> None:
    await ingress.http.post(PAUSE)
    body = {"payload": SUBMISSION["payload"]}
    response = await ingress.http.post("/api/v1/extract-receipt", json=body, headers=TENANT)
    expect_error(response, 503, "overloaded", "paused", "submit a job")
    assert response.headers["retry-after"] == "60"


async def test_the_overview_pauses_and_resumes(ingress: IngressClient) -> None:
    same_site = {"origin": "http://service"}
    pause = "/dashboard/queues/meal_optimization/pause"
    assert (await ingress.http.post(pause)).status_code == 400, "from another site"
    response = await ingress.http.post(pause, headers=same_site)
    assert (response.status_code, response.headers["location"]) == (303, "/dashboard#queues")
    page = (await ingress.http.get("/dashboard")).text
    assert "New jobs wait; those that run go on." in page
    assert 'action="/dashboard/queues/meal_optimization/resume"' in page
    assert "Meal optimization is paused" in (await ingress.http.get("/dashboard/jobs")).text
    await ingress.http.post(pause.replace("pause", "resume"), headers=same_site)
    assert "those that run go on" not in (await ingress.http.get("/dashboard")).text
    unknown = await ingress.http.post("/dashboard/queues/nothing/pause", headers=same_site)
    assert unknown.status_code == 404
