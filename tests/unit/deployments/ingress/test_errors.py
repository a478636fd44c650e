"""Every error has the contract's shape, its own status and code, and a sentence that helps."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from sidecar.core.settings import QueueSettings, Settings
from tests.unit.deployments.conftest import Front, serving

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF and so on").decode()
TENANT = {"x-tenant-id": "t1"}


def submission(**changes: Any) -> dict[str, Any]:
    return {
        "tenant_id": "t1",
        "feature": "receipt_extraction",
        "payload": {"image_base64": JPEG},
        **changes,
    }


def expect(response: httpx.Response, status: int, code: str, *words: str) -> None:
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["status"] == "error"
    assert body["payload"] == {}
    assert body["error"] == body["detail"]
    assert body["retryable"] == (status in (429, 500, 503, 504))
    assert body["request_id"]
    assert response.headers["x-request-id"]
    assert ("retry-after" in response.headers) == (status in (429, 503))
    for word in words:
        assert word in body["error"]


async def test_what_is_not_there_is_not_found(front: Front) -> None:
    expect(await front.client.get("/nothing/here"), 404, "not_found")
    expect(await front.client.get("/api/v1/jobs/job_0", headers=TENANT), 404, "not_found")
    expect(await front.client.get("/api/v1/artifacts/art_0", headers=TENANT), 404, "not_found")
    expect(await front.client.get("/api/v1/artifacts/a/image", headers=TENANT), 404, "not_found")
    for act in ("cancel", "retry"):
        answer = await front.client.post(f"/api/v1/jobs/job_0/{act}", headers=TENANT)
        expect(answer, 404, "not_found")


async def test_a_method_that_a_path_lacks_is_refused(front: Front) -> None:
    expect(await front.client.put("/api/v1/jobs"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b'{"tenant_id": NaN}',
        b'{"tenant_id": "\\ud800"}',
        b'{"tenant_id": "\xff"}',
        b"[" * 100_00,
    ],
)
async def test_what_is_not_json_is_a_bad_request(front: Front, body: bytes) -> None:
    answer = await front.client.post(
        "/api/v1/jobs", content=body, headers={"content-type": "application/json"}
    )
    expect(answer, 400, "bad_request", "JSON")


async def test_an_empty_body_is_a_bad_request(front: Front) -> None:
    json_type = {"content-type": "application/json"}
    for content in (b"", b"  \n"):
        answer = await front.client.post("/api/v1/jobs", content=content, headers=json_type)
        expect(answer, 400, "bad_request", "empty")


async def test_json_that_is_not_said_to_be_json_is_refused_with_what_to_send(
    front: Front,
) -> None:
    answer = await front.client.post(
        "/api/v1/jobs",
        content=json.dumps(submission()),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    expect(answer, 400, "bad_request", "application/json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feature": None}, ["feature"]),
        ({"feature": "telepathy"}, ["feature", "receipt_extraction"]),
        ({"payload": []}, ["payload"]),
        ({"payload": {}}, ["payload", "image_base64", "image_url", "image_path"]),
        ({"payload": {"image_base64": JPEG, "image_path": "x"}}, ["exactly one"]),
        ({"payload": {"image_base64": 5}}, ["payload.image_base64"]),
        (
            {"payload": {"image_base64": JPEG, "options": {"date_order": "mdyy"}}},
            ["payload.options.date_order"],
        ),
        ({"tenant_id": "x" * 201}, ["tenant_id"]),
        ({"tenant_id": "a\nb"}, ["tenant_id"]),
        ({"request_id": "\x00"}, ["request_id"]),
        ({"user_id": {"deep": []}}, ["user_id"]),
        ({"callback_url": "http://example.com/" + "x" * 2000}, ["callback_url"]),
    ],
)
async def test_a_field_of_the_wrong_kind_is_named(
    front: Front, changes: dict[str, Any], words: list[str]
) -> None:
    answer = await front.client.post("/api/v1/jobs", json=submission(**changes))
    expect(answer, 422, "validation_error", *words)
    assert JPEG not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://core.example/",
        "nonsense",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://u:p@x/",
        "http://core.example/\0",
    ],
)
async def test_a_callback_url_that_may_not_be_called_is_refused(front: Front, url: str) -> None:
    answer = await front.client.post("/api/v1/jobs", json=submission(callback_url=url))
    expect(answer, 400, "blocked_url")
    assert (await front.client.get("/api/v1/jobs", headers=TENANT)).json()["total"] == 0


@pytest.mark.parametrize("path", ["jobs/%00", "jobs?feature=a%00", "artifacts?job_id=%00"])
async def test_a_url_with_a_character_that_no_row_can_hold_is_refused(
    front: Front, path: str
) -> None:
    answer = await front.client.get(f"/api/v1/{path}", headers=TENANT)
    expect(answer, 400, "bad_request", "NUL")


async def test_query_parameters_are_checked(front: Front) -> None:
    for query in ("limit=0", "limit=101", "offset=-1", "status=sleeping", "limit=x"):
        answer = await front.client.get(f"/api/v1/jobs?{query}", headers=TENANT)
        expect(answer, 422, "validation_error", query.partition("=")[0])


async def test_a_request_without_a_tenant_is_refused(front: Front) -> None:
    expect(await front.client.get("/api/v1/jobs"), 400, "missing_tenant")
    answer = await front.client.post("/api/v1/jobs", json=submission(tenant_id=None))
    expect(answer, 400, "missing_tenant")


async def test_two_tenants_in_one_request_are_refused(front: Front) -> None:
    answer = await front.client.post(
        "/api/v1/jobs", json=submission(), headers={"x-tenant-id": "t2"}
    )
    expect(answer, 400, "tenant_mismatch")
    answer = await front.client.get("/api/v1/jobs?tenant_id=t2", headers=TENANT)
    expect(answer, 400, "tenant_mismatch")


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ({"image_base64": "!!!"}, 400, "invalid_image"),
        ({"image_base64": "é"}, 400, "invalid_image"),
        ({"image_base64": ""}, 400, "invalid_image"),
        ({"image_base64": "data:image/jpeg;base64,"}, 400, "invalid_image"),
        ({"image_base64": base64.b64encode(b"milk 1.99").decode()}, 400, "unsupported_image"),
        ({"image_base64": base64.b64encode(bytes(8_001)).decode()}, 413, "too_large"),
        ({"image_base64": "A" * 13_000}, 413, "too_large"),
        ({"image_path": "../../etc/passwd"}, 404, "not_found"),
        ({"image_path": "/etc/passwd"}, 404, "not_found"),
        ({"image_path": "link"}, 404, "not_found"),
        ({"image_path": "nothing.jpg"}, 404, "not_found"),
        ({"image_path": "a\x00b"}, 404, "not_found"),
        ({"image_path": "text.jpg"}, 400, "unsupported_image"),
        ({"image_url": "http://127.0.0.1:9/x.jpg"}, 400, "blocked_url"),
        ({"image_url": "file:///etc/passwd"}, 400, "blocked_url"),
    ],
)
async def test_an_image_that_cannot_be_taken_is_refused_and_leaves_no_job(
    front: Front, settings: Settings, source: dict[str, str], status: int, code: str
) -> None:
    assert settings.image_dir is not None
    (settings.image_dir / "link").symlink_to("/etc/passwd")
    (settings.image_dir / "text.jpg").write_text("milk 1.99")
    expect(await front.client.post("/api/v1/jobs", json=submission(payload=source)), status, code)
    answer = await front.client.post(
        "/api/v1/extract-receipt", json={"tenant_id": "t1", "payload": source}
    )
    expect(answer, status, code)
    answer = await front.client.post(
        "/api/v1/receipts/extract", json={"account_id": "t1", **source}
    )
    expect(answer, status, code)
    assert (await front.client.get("/api/v1/jobs", headers=TENANT)).json()["total"] == 0


async def test_an_image_in_the_image_folder_is_taken(front: Front, settings: Settings) -> None:
    assert settings.image_dir is not None
    (settings.image_dir / "shop").mkdir()
    (settings.image_dir / "shop" / "1.jpg").write_bytes(base64.b64decode(JPEG))
    payload = {"image_path": "shop/1.jpg"}
    answer = await front.client.post("/api/v1/jobs", json=submission(payload=payload))
    assert answer.json()["input_payload"]["image"]["media_type"] == "image/jpeg"


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(
    front: Front,
) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    told = await front.client.post(
        "/api/v1/jobs", content=endless(), headers={"content-length": "60000000"}
    )
    expect(told, 413, "too_large", "20000")
    untold = await front.client.post("/api/v1/jobs", content=endless())
    expect(untold, 413, "too_large", "20000")


async def test_a_full_queue_is_said_before_anything_is_accepted(settings: Settings) -> None:
    tight = settings.model_copy(update={"queue": QueueSettings(capacity=2, tenant_capacity=1)})
    async with serving(tight) as front:
        assert (await front.client.post("/api/v1/jobs", json=submission())).status_code == 200
        refused = await front.client.post("/api/v1/jobs", json=submission())
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) > 0
        other = await front.client.post("/api/v1/jobs", json=submission(tenant_id="t2"))
        assert other.status_code == 200
        full = await front.client.post("/api/v1/jobs", json=submission(tenant_id="t3"))
        assert (full.status_code, full.json()["code"]) == (503, "overloaded")
        assert full.json()["retryable"] is True
        assert int(full.headers["retry-after"]) > 0


async def test_the_same_request_with_another_payload_is_a_conflict(front: Front) -> None:
    await front.client.post("/api/v1/jobs", json=submission(request_id="r1"))
    payload = {"image_base64": JPEG, "options": {"currency": "USD"}}
    answer = await front.client.post(
        "/api/v1/jobs", json=submission(request_id="r1", payload=payload)
    )
    expect(answer, 409, "conflict", "r1")
    assert answer.json()["request_id"] == "r1"


async def test_a_receipt_that_nobody_reads_in_time_is_a_timeout_and_is_called_off(
    front: Front,
) -> None:
    answer = await front.client.post(
        "/api/v1/extract-receipt",
        json={"request_id": "r1", "tenant_id": "t1", "payload": {"image_base64": JPEG}},
    )
    expect(answer, 504, "timeout")
    [job] = (await front.client.get("/api/v1/jobs", headers=TENANT)).json()["jobs"]
    assert job["status"] == "cancelled"


async def test_a_client_that_leaves_calls_its_receipt_off(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"sync_timeout_s": 60.0})) as front:
        request = asyncio.create_task(
            front.client.post(
                "/api/v1/extract-receipt",
                json={"tenant_id": "t1", "payload": {"image_base64": JPEG}},
            )
        )
        async with asyncio.timeout(5):
            while (await front.queue.counts())["queued"] == 0:
                await asyncio.sleep(0.01)
            request.cancel()
            while (await front.queue.counts())["queued"] == 1:
                await asyncio.sleep(0.01)


async def test_a_database_that_is_down_is_said_to_be_and_the_rest_answers(
    settings: Settings,
) -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    async with serving(settings, database_url=url, migrated=False) as front:
        answer = await front.client.post("/api/v1/jobs", json=submission())
        expect(answer, 503, "database_unavailable")
        answer = await front.client.get("/api/v1/jobs", headers=TENANT)
        expect(answer, 503, "database_unavailable")
        ready = await front.client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["status"] == "degraded"
        assert ready.json()["checks"]["database"]["status"] == "error"
        assert ready.json()["checks"]["storage"]["status"] == "ok"
        assert (await front.client.get("/health/live")).json() == {
            "status": "ok",
            "version": "1.2.3",
        }


async def test_a_bug_tells_the_caller_the_request_and_no_internals(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret internals")

    monkeypatch.setattr(front.queue, "get", broken)
    answer = await front.client.get("/api/v1/jobs/job_1", headers=TENANT)
    expect(answer, 500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_schema_that_has_not_been_made_yet_is_an_unavailable_database(
    settings: Settings, tmp_path: Path
) -> None:
    async with serving(settings, migrated=False) as front:
        answer = await front.client.post("/api/v1/jobs", json=submission())
        expect(answer, 503, "database_unavailable")
