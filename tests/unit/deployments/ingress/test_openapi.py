"""The OpenAPI document is complete and correct, and its examples work."""

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from deployments.ingress.examples import EXAMPLE_BODIES, EXAMPLE_IDS
from jobs.queue.webhooks import WebhookDispatcher
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import submission

#: The statuses that every operation documents.
COMMON_STATUSES = {"200", "400", "413", "429", "500", "503", "504"}
HEALTH = ("/health", "/health/live", "/health/ready")


async def operations(ingress: IngressClient) -> dict[str, dict[str, Any]]:
    paths = (await ingress.http.get("/openapi.json")).json()["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


async def test_the_document_lists_the_paths(ingress: IngressClient) -> None:
    paths = (await ingress.http.get("/openapi.json")).json()["paths"]
    assert {
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
        "/api/v1/extract-receipt",
        "/api/v1/receipts/extract",
        "/health/ready",
    } <= paths.keys()
    assert (await ingress.http.get("/docs")).status_code == 200


async def test_each_operation_documents_its_errors_in_the_right_shape(
    ingress: IngressClient,
) -> None:
    for name, operation in (await operations(ingress)).items():
        path = name.split()[1]
        if path in HEALTH:
            continue
        assert operation["responses"].keys() >= COMMON_STATUSES, name
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]["$ref"]
                expected = "OpenAIError" if path.startswith("/v1/") else "ErrorResponse"
                assert schema == f"#/components/schemas/{expected}", (name, status)


async def test_each_operation_has_an_example_of_its_body_and_of_its_ids(
    ingress: IngressClient,
) -> None:
    for name, operation in (await operations(ingress)).items():
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"], name
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                assert parameter["example"], name


async def test_operation_ids_are_unique(ingress: IngressClient) -> None:
    operation_ids = [operation["operationId"] for operation in (await operations(ingress)).values()]
    assert len(set(operation_ids)) == len(operation_ids)


@pytest.mark.parametrize("name", EXAMPLE_BODIES)
async def test_each_example_is_accepted(ingress: IngressClient, name: str) -> None:
    method, path = name.replace("{feature}", EXAMPLE_IDS["feature"]).split()
    headers = {} if "queues" in path else {"x-tenant-id": "demo"}
    response = await ingress.http.request(method, path, json=EXAMPLE_BODIES[name], headers=headers)
    # The job doesn't exist, and no worker reads the receipt.
    expected = 404 if "job_id" in path or "feedback" in path else 200
    reads = path.startswith(("/api/v1/extract-receipt", "/api/v1/receipts"))
    assert response.status_code == (504 if reads else expected), response.text


async def test_the_document_requires_a_token_when_the_service_does(settings: Settings) -> None:
    guarded = Settings.model_validate({**dict(settings), "api_tokens": "a-token-of-20-letters"})
    async with serve_ingress(guarded) as ingress:
        ingress.http.headers["authorization"] = "Bearer a-token-of-20-letters"
        documented = await operations(ingress)
    for name, operation in documented.items():
        is_public = name.split()[1] in HEALTH
        assert ("security" in operation, "401" in operation["responses"]) == (
            not is_public,
            not is_public,
        )


async def test_the_documentation_page_names_only_files_of_this_service(
    ingress: IngressClient,
) -> None:
    page = await ingress.http.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/")
        response = await ingress.http.get(link)
        assert response.status_code == 200, link
        assert response.content
    assert "unsafe-eval" not in page.headers["content-security-policy"]
    missing = await ingress.http.get("/docs/static/core.py")
    assert missing.status_code == 404


async def test_the_document_describes_the_webhooks_as_they_are_sent(
    ingress: IngressClient,
) -> None:
    described = (await ingress.http.get("/openapi.json")).json()["webhooks"]
    ends = {"job.succeeded", "job.failed", "job.cancelled"}
    assert set(described) == {*ends, "job.reviewed", "webhook.ping"}
    sent: list[dict[str, Any]] = []

    async def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        sent.append(json.loads(body))
        return 200

    body = submission(callback_url="https://core.example/done")
    job_id = (await ingress.http.post("/api/v1/jobs", json=body)).json()["id"]
    await ingress.http.post(f"/api/v1/jobs/{job_id}/cancel", headers={"x-tenant-id": "t1"})
    await WebhookDispatcher(ingress.database, send=send).deliver()
    [call] = sent
    schema = described[call["type"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(call, schema)
    assert set(call["data"]) == set(schema["properties"]["data"]["properties"])
