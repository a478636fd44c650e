"""Jobs over HTTP: submitting, polling, listing, cancelling and retrying."""

import httpx
import pytest

from jobs.queue.job import AttemptError, JobResult, NewJob
from sidecar.core.setting_groups import QueueSettings
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import (
    JPEG,
    JPEG_BYTES,
    SUBMISSION,
    TENANT,
    expect_error,
    reading,
    submission,
)


async def test_submitting_twice_returns_the_same_job_without_its_image(
    ingress: IngressClient,
) -> None:
    response = await ingress.http.post("/api/v1/jobs", json=SUBMISSION)
    assert response.status_code == 200
    job = response.json()
    assert job["id"] == job["job_id"]
    assert job["id"].startswith("job_")
    assert (job["status"], job["attempt"], job["progress"]) == ("queued", 0, 0.0)
    assert job["created_at"].endswith("Z")
    assert job["user_id"] is None
    assert JPEG not in response.text
    again = await ingress.http.post("/api/v1/jobs", json=SUBMISSION)
    assert again.json()["id"] == job["id"]


async def submit_with(
    ingress: IngressClient, headers: dict[str, str], **changes: object
) -> httpx.Response:
    return await ingress.http.post("/api/v1/jobs", json=submission(**changes), headers=headers)


@pytest.mark.parametrize("header", ["x-request-id", "idempotency-key"])
async def test_a_header_makes_submissions_idempotent_as_request_id_does(
    ingress: IngressClient, header: str
) -> None:
    first, again = [(await submit_with(ingress, {header: "k1"})).json() for _ in range(2)]
    assert first["id"] == again["id"]
    assert first["request_id"] == "k1"
    in_body = (await submit_with(ingress, {}, request_id="k1")).json()
    assert in_body["id"] == first["id"], "the body's request_id is the same thing"
    other = await submit_with(ingress, {header: "k1"}, payload={"image_base64": "/9j/4AA="})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert (await submit_with(ingress, {header: "k2"})).json()["id"] != first["id"]


async def test_request_id_and_idempotency_key_may_not_differ(ingress: IngressClient) -> None:
    response = await submit_with(ingress, {"idempotency-key": "a"}, request_id="b")
    expect_error(response, 400, "bad_request", "Idempotency-Key")
    assert (await submit_with(ingress, {"idempotency-key": "a"}, request_id="a")).is_success
    # A proxy gives each attempt an X-Request-ID of its own.
    retried = await submit_with(ingress, {"idempotency-key": "a", "x-request-id": "attempt-2"})
    assert retried.json()["request_id"] == "a"
    expect_error(await submit_with(ingress, {"idempotency-key": ""}), 400, "bad_request")


async def test_a_repeated_submission_with_another_callback_url_is_a_conflict(
    ingress: IngressClient,
) -> None:
    url = "https://core.example/done"
    first = await submit_with(ingress, {}, request_id="r1", callback_url=url)
    for same in (url, None):
        again = await submit_with(ingress, {}, request_id="r1", callback_url=same)
        assert again.json()["id"] == first.json()["id"]
    other = await submit_with(ingress, {}, request_id="r1", callback_url=f"{url}/2")
    expect_error(other, 409, "conflict", "callback_url")


async def test_a_finished_job_has_its_result_and_artifact_for_its_tenant_only(
    ingress: IngressClient,
) -> None:
    job_id = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    output = reading("Corner Shop", ("MLK", "milk"))
    await ingress.claims.succeed(claimed, JobResult(output=output, model_id="m", model_version="7"))
    job = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    assert (job["status"], job["output_payload"]) == ("succeeded", output)
    assert (job["model_id"], job["model_version"]) == ("m", "7")
    other = await ingress.http.get(f"/api/v1/jobs/{job_id}", headers={"x-tenant-id": "t2"})
    assert other.status_code == 404

    artifact_url = f"/api/v1/artifacts/{job['artifact_id']}"
    artifact = (await ingress.http.get(artifact_url, headers=TENANT)).json()
    assert (artifact["status"], artifact["output_payload"]) == ("success", output)
    image = await ingress.http.get(f"{artifact_url}/image", headers=TENANT)
    assert (image.content, image.headers["content-type"]) == (JPEG_BYTES, "image/jpeg")
    for url in (artifact_url, f"{artifact_url}/image"):
        assert (await ingress.http.get(url, headers={"x-tenant-id": "t2"})).status_code == 404
    listed = await ingress.http.get(f"/api/v1/artifacts?job_id={job_id}", headers=TENANT)
    assert (listed.json()["total"], listed.json()["artifacts"][0]["id"]) == (1, artifact["id"])
    missing = await ingress.http.get("/api/v1/artifacts?request_id=other", headers=TENANT)
    assert missing.json()["total"] == 0


async def test_a_job_lists_its_attempts(ingress: IngressClient) -> None:
    job_id = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    error = AttemptError(code="invalid_image", message="It is damaged.", retryable=False)
    await ingress.claims.fail(claimed, error)
    job = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    [attempt] = job["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "failed")
    assert (attempt["error_code"], attempt["error_message"]) == ("invalid_image", "It is damaged.")
    assert job["created_at"] <= attempt["started_at"] <= attempt["ended_at"] == job["finished_at"]


async def test_cancel_and_retry_take_the_tenant_from_body_or_header(ingress: IngressClient) -> None:
    job_id = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    cancelled = await ingress.http.post(f"/api/v1/jobs/{job_id}/cancel", json={"tenant_id": "t1"})
    assert cancelled.json()["status"] == "cancelled"
    assert (
        await ingress.http.post(f"/api/v1/jobs/{job_id}/cancel", headers=TENANT)
    ).status_code == 409
    retried = await ingress.http.post(f"/api/v1/jobs/{job_id}/retry", headers=TENANT)
    assert retried.json()["status"] == "queued"


async def test_a_list_is_paged_and_counts_the_matches(ingress: IngressClient) -> None:
    for number in range(3):
        await ingress.http.post("/api/v1/jobs", json={**SUBMISSION, "request_id": f"r{number}"})
    page = (await ingress.http.get("/api/v1/jobs?limit=2&offset=2", headers=TENANT)).json()
    assert (len(page["jobs"]), page["total"], page["limit"], page["offset"]) == (1, 3, 2, 2)
    running = await ingress.http.get("/api/v1/jobs?status=running", headers=TENANT)
    empty = {"jobs": [], "total": 0, "limit": 20, "offset": 0, "next_cursor": None}
    assert running.json() == empty


async def test_a_list_leaves_out_large_payloads(ingress: IngressClient) -> None:
    texts = [{"id": f"t{number}", "text": "oat milk " * 50} for number in range(100)]
    assert (await ingress.http.post("/api/v1/jobs", json=submission())).status_code == 200
    payload = {"texts": texts}
    await ingress.queue.submit(
        NewJob(tenant_id="t1", feature="embedding_batch", input_payload=payload, request_id="large")
    )
    page = (await ingress.http.get("/api/v1/jobs", headers=TENANT)).json()
    of_large, of_small = page["jobs"]
    assert of_large["input_payload"] is None
    assert "image" in of_small["input_payload"]
    one = (await ingress.http.get(f"/api/v1/jobs/{of_large['id']}", headers=TENANT)).json()
    assert one["input_payload"]["texts"] == texts


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
async def test_pages_by_cursor_have_each_job_once_while_others_are_added(
    ingress: IngressClient, limit: int
) -> None:
    async def add() -> str:
        return str((await ingress.http.post("/api/v1/jobs", json=submission())).json()["id"])

    ids = [await add() for _ in range(4)]
    listed: list[str] = []
    cursor = ""
    while cursor is not None:
        path = f"/api/v1/jobs?limit={limit}&cursor={cursor}"
        body = (await ingress.http.get(path, headers=TENANT)).json()
        listed += [job["id"] for job in body["jobs"]]
        cursor = body["next_cursor"]
        await add()
    assert listed == ids[::-1]


async def test_cursor_and_offset_exclude_each_other(ingress: IngressClient) -> None:
    for path in ("jobs", "artifacts", "feedback"):
        response = await ingress.http.get(f"/api/v1/{path}?cursor=x&offset=1", headers=TENANT)
        expect_error(response, 400, "bad_request", "cursor")


async def test_embedding_and_categorization_can_be_jobs(ingress: IngressClient) -> None:
    for feature, payload in (
        ("embedding_batch", {"texts": [{"id": 1, "text": "milk"}]}),
        (
            "categorization_batch",
            {"items": [{"id": 1, "name": "milk"}], "candidate_labels": ["Milk", "Bread", "Other"]},
        ),
    ):
        response = await ingress.http.post(
            "/api/v1/jobs", headers=TENANT, json={"feature": feature, "payload": payload}
        )
        assert response.json()["input_payload"] == payload


@pytest.mark.parametrize(
    "url",
    [
        "ftp://core.example/",
        "nonsense",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://u:p@x/",
        "http://core.example/\0",
        "http://exa mple.com/",
        "http://exa%20mple.com/",
        "http://core.example\\@evil/",
        "http://a,b/",
    ],
)
async def test_a_blocked_callback_url_is_refused(ingress: IngressClient, url: str) -> None:
    response = await ingress.http.post("/api/v1/jobs", json=submission(callback_url=url))
    expect_error(response, 400, "blocked_url", "callback_url: ")
    assert (await ingress.http.get("/api/v1/jobs", headers=TENANT)).json()["total"] == 0


async def test_a_full_queue_refuses_submissions(settings: Settings) -> None:
    small = settings.model_copy(update={"queue": QueueSettings(capacity=2, tenant_capacity=1)})
    async with serve_ingress(small) as ingress:
        assert (await ingress.http.post("/api/v1/jobs", json=submission())).status_code == 200
        refused = await ingress.http.post("/api/v1/jobs", json=submission())
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) > 0
        other = await ingress.http.post("/api/v1/jobs", json=submission(tenant_id="t2"))
        assert other.status_code == 200
        full = await ingress.http.post("/api/v1/jobs", json=submission(tenant_id="t3"))
        assert (full.status_code, full.json()["code"]) == (503, "overloaded")
        assert full.json()["retryable"] is True
        assert int(full.headers["retry-after"]) > 0


async def test_a_reused_request_id_with_another_payload_is_a_conflict(
    ingress: IngressClient,
) -> None:
    await ingress.http.post("/api/v1/jobs", json=submission(request_id="r1"))
    payload = {"image_base64": JPEG, "options": {"currency": "USD"}}
    response = await ingress.http.post(
        "/api/v1/jobs", json=submission(request_id="r1", payload=payload)
    )
    expect_error(response, 409, "conflict", "r1")
    assert response.json()["request_id"] == "r1"
