"""The OpenAPI document is complete and correct, and its examples work."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import jsonschema
import pytest

from deployments.ingress.examples import EXAMPLE_BODIES, EXAMPLE_IDS
from deployments.ingress.openapi.descriptions import describe, load_descriptions
from jobs.queue.webhooks import WebhookDispatcher
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import png, submission

#: The statuses that every operation documents.
COMMON_STATUSES = {"200", "400", "413", "429", "500", "503", "504"}
RECEIPT_PATHS = ("/api/v1/extract-receipt", "/api/v1/receipts/extract", "/api/v1/jobs")
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
        assert operation["responses"].keys() >= COMMON_STATUSES - (
            {"429"} if path in HEALTH else set()
        ), name
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) != ("/health/ready", "503"):
                schema = response["content"]["application/json"]["schema"]["$ref"]
                expected = "OpenAIError" if path.startswith("/v1/") else "ErrorResponse"
                if path == "/v1/messages":
                    expected = "AnthropicError"
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


async def test_each_property_and_parameter_is_described(ingress: IngressClient) -> None:
    document = (await ingress.http.get("/openapi.json")).json()
    missing = list(undescribed(document))
    for name, operation in (await operations(ingress)).items():
        missing += [f"{name} {p['name']}" for p in operation["parameters"] if not p["description"]]
    assert not missing
    table = load_descriptions()
    without = without_texts(document, {text for texts in table.values() for text in texts.values()})
    entries = {(owner, name) for owner, texts in table.items() for name in texts}
    assert entries - describe(without, table) == set()


def undescribed(node: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each property without a description."""
    if isinstance(node, list):
        for index, entry in enumerate(node):
            yield from undescribed(entry, f"{path}/{index}")
    elif isinstance(node, dict):
        properties = node.get("properties")
        for name, schema in properties.items() if isinstance(properties, dict) else ():
            if not schema.get("description"):
                yield f"{path}.{name}"
        for key, value in node.items():
            yield from undescribed(value, f"{path}/{key}")


def without_texts(node: Any, texts: set[str]) -> Any:
    """Return the document without the descriptions that are one of the texts."""
    if isinstance(node, list):
        return [without_texts(entry, texts) for entry in node]
    if isinstance(node, dict):
        return {
            key: without_texts(value, texts)
            for key, value in node.items()
            if not (key == "description" and isinstance(value, str) and value in texts)
        }
    return node


async def test_each_answer_in_json_has_a_type(ingress: IngressClient) -> None:
    schemas = (await ingress.http.get("/openapi.json")).json()["components"]["schemas"]
    for name, operation in (await operations(ingress)).items():
        content = operation["responses"]["200"]["content"]
        if "application/json" in content:
            reference = content["application/json"]["schema"]["$ref"]
            schema = schemas[reference.rpartition("/")[2]]
            assert schema["required"], name
            payload = schema["properties"].get("payload", {})
            assert "$ref" in payload or not payload, name


async def test_operations_that_take_a_receipt_take_files(ingress: IngressClient) -> None:
    described = await operations(ingress)
    for path in RECEIPT_PATHS:
        content = described[f"POST {path}"]["requestBody"]["content"]
        assert content.keys() == {
            "application/json",
            "multipart/form-data",
            "image/*",
            "application/pdf",
        }
        form = content["multipart/form-data"]["schema"]["properties"]
        sent = {name: "zz" for name, schema in form.items() if schema.get("type") == "string"}
        if "callback_url" in sent:
            sent["callback_url"] = "https://core.example/"
        files = [("image", png()), ("image", png())]
        response = await ingress.http.post(path, data={**sent, "options": "{}"}, files=files)
        assert response.status_code in (200, 504), response.text  # no worker reads it
        assert "warnings" not in response.json()
    summaries = {described[f"POST {path}"]["summary"] for path in RECEIPT_PATHS}
    assert len(summaries) == len(RECEIPT_PATHS)


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


@pytest.mark.parametrize("name", EXAMPLE_BODIES)
async def test_a_boolean_is_no_number(ingress: IngressClient, name: str) -> None:
    document = (await ingress.http.get("/openapi.json")).json()
    method, path = name.split()
    body = document["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
    schemas = document["components"]["schemas"]
    for place in numbers(body["schema"], schemas):
        example = deepcopy(dict(EXAMPLE_BODIES[name]))
        target = example
        for part in place[:-1]:
            target = target.setdefault(part, {})
        target[place[-1]] = True
        response = await ingress.http.request(
            method, path, json=example, headers={"x-tenant-id": "demo"}
        )
        assert response.status_code in (400, 422), (place, response.text)


def numbers(schema: Any, schemas: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the numbers in an object and the objects that it holds."""
    variants = [schema, *schema.get("anyOf", ()), *schema.get("allOf", ())]
    for variant in variants:
        if "$ref" in variant:
            yield from numbers(schemas[variant["$ref"].rpartition("/")[2]], schemas)
        for name, value in variant.get("properties", {}).items():
            kinds = {entry.get("type") for entry in (value, *value.get("anyOf", ()))}
            if kinds & {"integer", "number"} and not kinds & {"boolean"}:
                yield (name,)
            yield from ((name, *rest) for rest in numbers(value, schemas))


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
