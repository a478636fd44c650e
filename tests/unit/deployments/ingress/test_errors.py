"""Errors have the API's shape, their own status and code, and a helpful message."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import JPEG, TENANT, expect_error, submission


async def test_unknown_paths_and_ids_are_not_found(ingress: IngressClient) -> None:
    expect_error(await ingress.http.get("/nothing/here"), 404, "not_found")
    expect_error(await ingress.http.get("/api/v1/jobs/job_0", headers=TENANT), 404, "not_found")
    expect_error(
        await ingress.http.get("/api/v1/artifacts/art_0", headers=TENANT), 404, "not_found"
    )
    expect_error(
        await ingress.http.get("/api/v1/artifacts/a/image", headers=TENANT), 404, "not_found"
    )
    for action in ("cancel", "retry"):
        response = await ingress.http.post(f"/api/v1/jobs/job_0/{action}", headers=TENANT)
        expect_error(response, 404, "not_found")


async def test_an_unsupported_method_is_refused(ingress: IngressClient) -> None:
    expect_error(await ingress.http.put("/api/v1/jobs"), 405, "method_not_allowed")


async def test_an_unsupported_method_gets_the_allowed_ones(ingress: IngressClient) -> None:
    response = await ingress.http.put("/api/v1/jobs")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


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
async def test_invalid_json_is_a_bad_request(ingress: IngressClient, body: bytes) -> None:
    response = await ingress.http.post(
        "/api/v1/jobs", content=body, headers={"content-type": "application/json"}
    )
    expect_error(response, 400, "bad_request", "JSON")


async def test_an_empty_body_is_a_bad_request(ingress: IngressClient) -> None:
    json_type = {"content-type": "application/json"}
    for content in (b"", b"  \n"):
        response = await ingress.http.post("/api/v1/jobs", content=content, headers=json_type)
        expect_error(response, 400, "bad_request", "empty")


async def test_json_without_its_content_type_is_a_bad_request(
    ingress: IngressClient,
) -> None:
    response = await ingress.http.post(
        "/api/v1/jobs",
        content=json.dumps(submission()),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    expect_error(response, 400, "bad_request", "application/json")


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
async def test_an_invalid_field_is_named(
    ingress: IngressClient, changes: dict[str, Any], words: list[str]
) -> None:
    response = await ingress.http.post("/api/v1/jobs", json=submission(**changes))
    expect_error(response, 422, "validation_error", *words)
    assert JPEG not in response.text


async def test_query_parameters_are_validated(ingress: IngressClient) -> None:
    for query in ("limit=0", "limit=101", "offset=-1", "status=sleeping", "limit=x"):
        response = await ingress.http.get(f"/api/v1/jobs?{query}", headers=TENANT)
        expect_error(response, 422, "validation_error", query.partition("=")[0])


async def test_without_a_database_its_requests_fail_and_health_checks_respond(
    settings: Settings,
) -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    async with serve_ingress(settings, database_url=url, migrated=False) as ingress:
        response = await ingress.http.post("/api/v1/jobs", json=submission())
        expect_error(response, 503, "database_unavailable")
        response = await ingress.http.get("/api/v1/jobs", headers=TENANT)
        expect_error(response, 503, "database_unavailable")
        ready = await ingress.http.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["status"] == "degraded"
        assert ready.json()["checks"]["database"]["status"] == "error"
        assert ready.json()["checks"]["storage"]["status"] == "ok"
        assert (await ingress.http.get("/health/live")).json() == {
            "status": "ok",
            "version": "1.2.3",
        }


async def test_a_database_without_a_schema_is_unavailable(
    settings: Settings, tmp_path: Path
) -> None:
    async with serve_ingress(settings, migrated=False) as ingress:
        response = await ingress.http.post("/api/v1/jobs", json=submission())
        expect_error(response, 503, "database_unavailable")


async def test_an_unexpected_exception_is_an_internal_error_without_details(
    ingress: IngressClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret internals")

    monkeypatch.setattr(ingress.queue, "stored", broken)
    response = await ingress.http.get("/api/v1/jobs/job_1", headers=TENANT)
    expect_error(response, 500, "internal")
    assert "secret" not in response.text
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/categorize", {"payload": {"item_name": ""}}),
        ("/api/v1/extract-receipt", {"payload": []}),
        ("/api/v1/receipts/extract", {}),
        ("/api/v1/embed", {"texts": [{"id": "a"}]}),
        (
            "/api/v1/categorize",
            {"payload": {"item_name": "x", "candidate_labels": list(map(str, range(101)))}},
        ),
        ("/api/v1/search", {"payload": {"query": "x"}}),
        ("/api/v1/optimize/meal-plan", {"payload": {}}),
        ("/api/v1/jobs", {"feature": "receipt_extraction"}),
        ("/api/v1/jobs", {"feature": "receipt_extraction", "payload": {}}),
        ("/api/v1/categorize", {"tenant_id": "t2", "payload": {}}),
    ],
)
async def test_a_refusal_has_the_callers_own_request_id(
    ingress: IngressClient, path: str, body: dict[str, Any]
) -> None:
    response = await ingress.http.post(
        path, json={"request_id": "mine ü", "tenant_id": "t1", **body}, headers={}
    )
    assert response.status_code in (413, 422)
    assert response.json()["request_id"] == "mine ü"


@pytest.mark.parametrize("request_id", [7, "", "a\nb", "x" * 201, None, ["a"]])
async def test_an_invalid_request_id_is_not_returned(
    ingress: IngressClient, request_id: object
) -> None:
    response = await ingress.http.post(
        "/api/v1/categorize", json={"request_id": request_id, "payload": {}}, headers=TENANT
    )
    assert response.json()["request_id"].startswith("req_")
