"""What goes well: jobs, lists, health, ids, log lines."""

import base64
import json
import logging

import pytest

from jobs.queue.job import AttemptError, JobResult
from sidecar.core.logging import JsonFormatter
from tests.unit.deployments.conftest import Front

JPEG_BYTES = b"\xff\xd8\xff\xe0\x00\x10JFIF and so on"
JPEG = base64.b64encode(JPEG_BYTES).decode()
SUBMISSION = {
    "tenant_id": "t1",
    "user_id": None,
    "feature": "receipt_extraction",
    "payload": {"image_base64": JPEG},
    "request_id": "r1",
}
TENANT = {"x-tenant-id": "t1"}


async def test_a_job_is_durable_with_its_image_before_the_answer(front: Front) -> None:
    answer = await front.client.post("/api/v1/jobs", json=SUBMISSION)
    assert answer.status_code == 200
    job = answer.json()
    assert job["id"] == job["job_id"]
    assert job["id"].startswith("job_")
    assert (job["status"], job["attempt"], job["progress"]) == ("queued", 0, 0.0)
    assert job["created_at"].endswith("Z")
    assert job["user_id"] is None
    assert JPEG not in answer.text
    again = await front.client.post("/api/v1/jobs", json=SUBMISSION)
    assert again.json()["id"] == job["id"]


async def test_a_job_is_polled_by_the_header_alone_and_carries_its_result(front: Front) -> None:
    job_id = (await front.client.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    output = {"merchant": "Corner Shop", "total": 1.99}
    await front.claims.succeed(held, JobResult(output=output, model_id="m", model_version="7"))
    job = (await front.client.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    assert (job["status"], job["output_payload"]) == ("succeeded", output)
    assert (job["model_id"], job["model_version"]) == ("m", "7")
    other = await front.client.get(f"/api/v1/jobs/{job_id}", headers={"x-tenant-id": "t2"})
    assert other.status_code == 404

    artifact_url = f"/api/v1/artifacts/{job['artifact_id']}"
    artifact = (await front.client.get(artifact_url, headers=TENANT)).json()
    assert (artifact["status"], artifact["output_payload"]) == ("success", output)
    image = await front.client.get(f"{artifact_url}/image", headers=TENANT)
    assert (image.content, image.headers["content-type"]) == (JPEG_BYTES, "image/jpeg")
    for url in (artifact_url, f"{artifact_url}/image"):
        assert (await front.client.get(url, headers={"x-tenant-id": "t2"})).status_code == 404
    listed = await front.client.get(f"/api/v1/artifacts?job_id={job_id}", headers=TENANT)
    assert (listed.json()["total"], listed.json()["artifacts"][0]["id"]) == (1, artifact["id"])
    missing = await front.client.get("/api/v1/artifacts?request_id=other", headers=TENANT)
    assert missing.json()["total"] == 0


async def test_cancel_and_retry_take_the_tenant_from_body_or_header(front: Front) -> None:
    job_id = (await front.client.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    cancelled = await front.client.post(f"/api/v1/jobs/{job_id}/cancel", json={"tenant_id": "t1"})
    assert cancelled.json()["status"] == "cancelled"
    assert (
        await front.client.post(f"/api/v1/jobs/{job_id}/cancel", headers=TENANT)
    ).status_code == 409
    retried = await front.client.post(f"/api/v1/jobs/{job_id}/retry", headers=TENANT)
    assert retried.json()["status"] == "queued"


async def test_a_list_pages_and_counts_what_matches(front: Front) -> None:
    for number in range(3):
        await front.client.post("/api/v1/jobs", json={**SUBMISSION, "request_id": f"r{number}"})
    page = (await front.client.get("/api/v1/jobs?limit=2&offset=2", headers=TENANT)).json()
    assert (len(page["jobs"]), page["total"], page["limit"], page["offset"]) == (1, 3, 2, 2)
    running = await front.client.get("/api/v1/jobs?status=running", headers=TENANT)
    assert running.json() == {"jobs": [], "total": 0, "limit": 20, "offset": 0}


async def test_every_part_reports_its_own_state(front: Front) -> None:
    ready = (await front.client.get("/health/ready")).json()
    assert (ready["status"], ready["version"]) == ("ok", "1.2.3")
    assert ready["checks"]["database"]["detail"] == "0 jobs queued, 0 jobs running"
    assert ready["checks"]["job_runner"] == {"status": "ok", "detail": "1 attempts running"}
    assert (await front.client.get("/health")).json()["status"] == "ok"


async def test_a_request_id_is_kept_or_made(front: Front) -> None:
    made = await front.client.get("/health")
    assert made.headers["x-request-id"].startswith("req_")
    error = await front.client.get("/nothing", headers={"x-request-id": "mine"})
    assert error.json()["request_id"] == "mine"


async def test_one_log_line_a_request_says_who_and_what_and_never_the_payload(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="deployments"):
        await front.client.post("/api/v1/jobs", json=SUBMISSION)
    [record] = [record for record in caplog.records if record.getMessage() == "request"]
    line = JsonFormatter().format(record)
    fields = json.loads(line)
    assert fields["tenant_id"] == "t1"
    assert fields["feature"] == "receipt_extraction"
    assert (fields["method"], fields["path"]) == ("POST", "/api/v1/jobs")
    assert (fields["status"], fields["request_id"]) == (200, "r1")
    assert fields["latency_ms"] > 0
    assert "\n" not in line
    assert JPEG not in line


async def test_the_documentation_lists_every_path(front: Front) -> None:
    paths = (await front.client.get("/openapi.json")).json()["paths"]
    assert {
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
        "/api/v1/extract-receipt",
        "/api/v1/receipts/extract",
        "/health/ready",
    } <= paths.keys()
    assert (await front.client.get("/docs")).status_code == 200


async def test_a_job_tells_of_each_of_its_attempts(front: Front) -> None:
    job_id = (await front.client.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    error = AttemptError(code="invalid_image", message="It is damaged.", retryable=False)
    await front.claims.fail(held, error)
    job = (await front.client.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    [attempt] = job["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "failed")
    assert (attempt["error_code"], attempt["error_message"]) == ("invalid_image", "It is damaged.")
    assert job["created_at"] <= attempt["started_at"] <= attempt["ended_at"] == job["finished_at"]


async def test_artifacts_are_exported_a_line_each_and_only_the_tenants_own(front: Front) -> None:
    for number in range(3):
        await front.client.post("/api/v1/jobs", json={**SUBMISSION, "request_id": f"r{number}"})
    for held in await front.claims.claim(["receipt_extraction"], 3):
        await front.claims.succeed(held, JobResult(output={}, model_id="m", model_version="1"))
    path = "/api/v1/artifacts?format=jsonl"
    lines = (await front.client.get(path, headers=TENANT)).text.splitlines()
    assert len(lines) == 3
    assert [json.loads(line)["feature"] for line in lines] == ["receipt_extraction"] * 3
    assert (await front.client.get(path, headers={"x-tenant-id": "t2"})).text == ""
