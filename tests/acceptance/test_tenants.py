"""Tenant isolation: one tenant's data, requested by another on every route and under every id.

All data of tenant `quokka` contains that word, so that a response to another tenant that leaks
any of it is recognized. The same requests by the owner find the data.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

pytestmark = pytest.mark.both_databases

OWNER = "quokka"
STRANGER = "wombat"
LABELS = ["Dairy", "Bakery", "Quokka snacks"]
NAME = {"item_name": "quokka zwieback", "candidate_labels": LABELS}
PLAN = request([recipe("quokka-stew", ingredient("rice", 200))], inventory=[])

#: Operations that name no stored data.
WITHOUT_STORED_DATA = {
    "GET /health",
    "GET /api/v1/queues",
    "GET /health/live",
    "GET /health/ready",
    "GET /v1/models",
    "GET /v1/models/{model_id}",
    "POST /v1/embeddings",
    "POST /api/v1/ingredients/parse",
    "POST /api/v1/recipes/extract",
    "POST /api/v1/shopping-list",
    "POST /api/v1/webhooks/ping",
    "POST /api/v1/categorize",
    "POST /api/v1/categorize-batch",
    "POST /api/v1/embed",
    "POST /api/v1/embed/batch",
    "POST /api/v1/extract-receipt",
    "POST /api/v1/jobs",
    "POST /api/v1/optimize/meal-plan",
    "POST /api/v1/optimize/suggestions",
    "POST /api/v1/receipts/extract",
    "POST /api/v1/search",
    "POST /v1/chat/completions",
    "POST /v1/messages",
}
#: The operator's: 403 for any tenant.
OPERATORS = {
    "POST /api/v1/queues/{feature}/pause",
    "POST /api/v1/queues/{feature}/resume",
}
#: Operations that list the tenant's own data: 200 for any tenant.
LISTS = {
    "GET /api/v1/jobs",
    "GET /api/v1/artifacts",
    "GET /api/v1/feedback",
    "GET /api/v1/corrections",
}
#: Operations on one resource: 404 for another tenant.
RESOURCES = {
    "DELETE /api/v1/corrections/{correction_id}",
    "POST /api/v1/jobs/{job_id}/webhook/resend",
    "GET /api/v1/jobs/{job_id}",
    "GET /api/v1/jobs/{job_id}/events",
    "POST /api/v1/jobs/{job_id}/cancel",
    "POST /api/v1/jobs/{job_id}/retry",
    "GET /api/v1/artifacts/{artifact_id}",
    "GET /api/v1/artifacts/{artifact_id}/image",
    "POST /api/v1/feedback",
}
#: Operations that name a tenant, which must be the caller's own.
TENANTS = {"DELETE /api/v1/tenants/{tenant_id}/data"}


@dataclass(frozen=True)
class OwnedData:
    """The ids of the owner's data."""

    jobs: tuple[str, ...]
    artifacts: tuple[str, ...]  # the first has an image
    feedback: tuple[str, ...]
    receipt: Mapping[str, Any]  # the first job's body

    @property
    def ids(self) -> tuple[str, ...]:
        return self.jobs + self.artifacts + self.feedback


def tenant_client(service: Service, tenant: str) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"x-tenant-id": tenant}, timeout=60)


@pytest.fixture(scope="module")
def owner(service: Service) -> Iterator[httpx.Client]:
    with tenant_client(service, OWNER) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(service: Service) -> Iterator[httpx.Client]:
    with tenant_client(service, STRANGER) as client:
        yield client


def ok(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def run_job(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Submit a job, read its events to the end, and return it."""
    job = ok(client.post("/api/v1/jobs", json=fields))
    with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
        events.read()
    finished: dict[str, Any] = ok(client.get(f"/api/v1/jobs/{job['id']}"))
    return finished


def receipt(sample: str) -> dict[str, Any]:
    return {"feature": "receipt_extraction", "payload": {"image_base64": sample}}


@pytest.fixture(scope="module")
def owned(owner: httpx.Client, sample: str) -> OwnedData:
    """Stored data of every kind."""
    read = run_job(owner, request_id="quokka-1", user_id="quokka-user", **receipt(sample))
    plan = run_job(owner, request_id="quokka-2", feature="meal_optimization", payload=PLAN)
    assert (read["status"], plan["status"]) == ("succeeded", "succeeded")
    envelope = {"request_id": "quokka-3", "user_id": "quokka-user", "payload": NAME}
    categorization = ok(owner.post("/api/v1/categorize", json=envelope))["metadata"]["artifact_id"]
    search = {"query": "quokka", "documents": [{"id": "1", "text": "quokka food"}]}
    result = ok(owner.post("/api/v1/search", json={"request_id": "quokka-4", "payload": search}))
    feedback = ok(
        owner.post(
            "/api/v1/feedback",
            json={
                "rating": "thumbs_down",
                "note": "quokka",
                "user_id": "quokka-user",
                "artifact_id": categorization,
                "correction": {"item_name": NAME["item_name"], "category": "Quokka snacks"},
            },
        )
    )
    return OwnedData(
        jobs=(read["id"], plan["id"]),
        artifacts=(
            read["artifact_id"],
            plan["artifact_id"],
            categorization,
            result["metadata"]["artifact_id"],
        ),
        feedback=(feedback["id"],),
        receipt=read,
    )


@pytest.fixture(scope="module")
def operations(service: Service) -> dict[str, list[str]]:
    """All operations of the OpenAPI document, with the names of their query parameters."""
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": [
            parameter["name"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "query"
        ]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_these_tests_cover_every_operation(operations: dict[str, list[str]]) -> None:
    assert operations.keys() == WITHOUT_STORED_DATA | OPERATORS | LISTS | RESOURCES | TENANTS


@pytest.mark.parametrize("operation", sorted(OPERATORS))
def test_no_tenant_operates_the_queues(operation: str, stranger: httpx.Client) -> None:
    method, path = operation.split()
    response = stranger.request(method, path.replace("{feature}", "receipt_extraction"))
    assert response.status_code == 403, response.text


def lookups(
    operation: str, owned: OwnedData
) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Yield the operation's method, path and body for each of the owner's ids."""
    method, path = operation.split()
    if operation == "POST /api/v1/feedback":
        for job in owned.jobs:
            yield method, path, {"rating": "thumbs_up", "job_id": job}
        for artifact in owned.artifacts:
            yield method, path, {"rating": "thumbs_up", "artifact_id": artifact}
        return
    for id_ in owned.ids:  # ids of other kinds, too, must find nothing
        yield method, re.sub(r"\{.*\}", id_, path), None


@pytest.mark.parametrize("operation", sorted(RESOURCES))
def test_no_id_gives_access_to_another_tenants_data(
    operation: str, owned: OwnedData, stranger: httpx.Client
) -> None:
    for method, path, body in lookups(operation, owned):
        response = stranger.request(method, path, json=body)
        missing = stranger.request(method, path.replace(owned.jobs[0], "job_0"), json=body)
        assert response.status_code == 404, (path, response.text)
        assert response.json()["code"] == "not_found"
        assert response.json()["error"] == missing.json()["error"]  # existence is not revealed
        assert OWNER not in response.text


@pytest.mark.parametrize("operation", sorted(RESOURCES))
@pytest.mark.parametrize("place", ["query", "body"])
def test_a_request_that_names_another_tenant_too_is_refused(
    operation: str, place: str, owned: OwnedData, stranger: httpx.Client
) -> None:
    for method, path, body in lookups(operation, owned):
        if place == "query":
            response = stranger.request(method, path, json=body, params={"tenant_id": OWNER})
        elif method == "POST":
            response = stranger.request(method, path, json={**(body or {}), "tenant_id": OWNER})
        else:
            continue
        assert (response.status_code, response.json()["code"]) == (400, "tenant_mismatch")


@pytest.mark.parametrize("operation", sorted(LISTS))
def test_no_list_or_export_contains_another_tenants_data(
    operation: str,
    operations: dict[str, list[str]],
    owned: OwnedData,
    owner: httpx.Client,
    stranger: httpx.Client,
) -> None:
    path = operation.split()[1]
    filters: list[dict[str, str]] = [{}]
    for name in operations[operation]:
        if name == "format":
            filters.append({"format": "jsonl"})
        if name.endswith("_id"):
            filters += [{name: id_} for id_ in (*owned.ids, "quokka-1", "quokka-3")]
    for parameters in filters:
        text = stranger.get(path, params=parameters).raise_for_status().text
        assert OWNER not in text.lower()
        assert not [id_ for id_ in owned.ids if id_ in text]
    assert OWNER in owner.get(path).text.lower()  # the data exists
    if "format" in operations[operation]:
        assert OWNER in owner.get(path, params={"format": "jsonl"}).text.lower()


def test_no_count_includes_another_tenants_data(
    owned: OwnedData, owner: httpx.Client, service: Service
) -> None:
    with tenant_client(service, "bilby") as newcomer:
        for path in ("jobs", "artifacts", "feedback"):
            assert ok(newcomer.get(f"/api/v1/{path}"))["total"] == 0
            assert ok(owner.get(f"/api/v1/{path}"))["total"] > 0
        assert ok(newcomer.get("/api/v1/corrections")) == {"corrections": []}


@pytest.mark.parametrize("operation", sorted(TENANTS))
def test_no_tenant_can_erase_another(
    operation: str, owned: OwnedData, stranger: httpx.Client, owner: httpx.Client
) -> None:
    method, path = operation.split()
    response = stranger.request(method, path.replace("{tenant_id}", OWNER))
    assert (response.status_code, response.json()["code"]) == (400, "tenant_mismatch")
    for artifact in owned.artifacts:
        ok(owner.get(f"/api/v1/artifacts/{artifact}"))


def test_a_correction_affects_its_tenant_alone(
    owned: OwnedData, owner: httpx.Client, stranger: httpx.Client, service: Service
) -> None:
    def prediction(client: httpx.Client) -> dict[str, Any]:
        payload = ok(client.post("/api/v1/categorize", json={"payload": NAME}))["payload"]
        return {**payload, "processing_time_ms": 0}

    assert prediction(owner)["source"] == "correction"
    with tenant_client(service, "bilby") as newcomer:
        assert prediction(stranger) == prediction(newcomer)
    assert prediction(stranger).get("source") != "correction"


def test_a_receipt_is_no_duplicate_of_another_tenants(
    owned: OwnedData, stranger: httpx.Client, owner: httpx.Client, sample: str
) -> None:
    other = run_job(stranger, **receipt(sample))
    assert other["output_payload"].get("duplicate_of") is None
    duplicate = run_job(owner, **receipt(sample))
    assert duplicate["output_payload"]["duplicate_of"] == owned.receipt["id"]


def test_request_ids_are_separate_for_each_tenant(
    owned: OwnedData, stranger: httpx.Client, sample: str
) -> None:
    other = run_job(stranger, request_id="quokka-1", **receipt(sample))
    assert other["id"] not in owned.jobs
    assert other["tenant_id"] == STRANGER


def test_erasing_a_tenant_keeps_another_tenants_copy_of_an_image(
    owned: OwnedData, service: Service, owner: httpx.Client, sample: str
) -> None:
    """Test that a blob file shared by two tenants is not removed with one of them."""
    with tenant_client(service, "numbat") as third:
        run_job(third, **receipt(sample))
        erased = ok(third.delete("/api/v1/tenants/numbat/data"))
        assert erased["erased"]["jobs"] == 1
    image = owner.get(f"/api/v1/artifacts/{owned.artifacts[0]}/image")
    assert image.content == SAMPLE.read_bytes()


def test_a_chats_artifact_belongs_to_its_tenant_alone(
    engine: Service, stranger: httpx.Client, owner: httpx.Client
) -> None:
    body = {
        "model": ok(owner.get("/v1/models"))["data"][0]["id"],
        "messages": [{"role": "user", "content": "quokka?"}],
        "max_tokens": 4,
        "user": STRANGER,  # the header decides
    }
    ok(owner.post("/v1/chat/completions", json=body))

    def listed(client: httpx.Client) -> Any:
        return ok(client.get("/api/v1/artifacts", params={"feature": "chat_completion"}))

    [artifact] = listed(owner)["artifacts"]
    assert listed(stranger)["total"] == 0
    assert stranger.get(f"/api/v1/artifacts/{artifact['id']}").status_code == 404
