"""One tenant's things, looked for by another: on every route, under every id.

Everything that tenant `quokka` sends or makes has that word in it, so that whatever an answer to
another tenant gives away is seen. The same walk by the owner finds it all.
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

#: Those that name nothing of anybody's: they work on what the request itself brings, or on nothing.
NOBODYS = {
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /v1/models",
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
}
#: Those that list: 200 for anybody, with what is their own.
LISTS = {
    "GET /api/v1/jobs",
    "GET /api/v1/artifacts",
    "GET /api/v1/feedback",
    "GET /api/v1/corrections",
}
#: Those that name one thing: 404 for a stranger.
THINGS = {
    "GET /api/v1/jobs/{job_id}",
    "GET /api/v1/jobs/{job_id}/events",
    "POST /api/v1/jobs/{job_id}/cancel",
    "POST /api/v1/jobs/{job_id}/retry",
    "GET /api/v1/artifacts/{artifact_id}",
    "GET /api/v1/artifacts/{artifact_id}/image",
    "POST /api/v1/feedback",
}
#: Those that name a tenant: nobody may name another.
TENANTS = {"DELETE /api/v1/tenants/{tenant_id}/data"}


@dataclass(frozen=True)
class Things:
    """What the owner has."""

    jobs: tuple[str, ...]
    artifacts: tuple[str, ...]  # the first has an image
    feedback: tuple[str, ...]
    receipt: Mapping[str, Any]  # the first job

    @property
    def ids(self) -> tuple[str, ...]:
        return self.jobs + self.artifacts + self.feedback


def caller(service: Service, tenant: str) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"x-tenant-id": tenant}, timeout=60)


@pytest.fixture(scope="module")
def owner(service: Service) -> Iterator[httpx.Client]:
    with caller(service, OWNER) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(service: Service) -> Iterator[httpx.Client]:
    with caller(service, STRANGER) as client:
        yield client


def right(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def submitted(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    """A job that was submitted, once its events have told of its end."""
    job = right(client.post("/api/v1/jobs", json=fields))
    with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
        events.read()
    ended: dict[str, Any] = right(client.get(f"/api/v1/jobs/{job['id']}"))
    return ended


def receipt(sample: str) -> dict[str, Any]:
    return {"feature": "receipt_extraction", "payload": {"image_base64": sample}}


@pytest.fixture(scope="module")
def things(owner: httpx.Client, sample: str) -> Things:
    """A bit of everything that can be kept of a tenant."""
    read = submitted(owner, request_id="quokka-1", user_id="quokka-user", **receipt(sample))
    plan = submitted(owner, request_id="quokka-2", feature="meal_optimization", payload=PLAN)
    assert (read["status"], plan["status"]) == ("succeeded", "succeeded")
    envelope = {"request_id": "quokka-3", "user_id": "quokka-user", "payload": NAME}
    sorted_into = right(owner.post("/api/v1/categorize", json=envelope))["metadata"]["artifact_id"]
    search = {"query": "quokka", "documents": [{"id": "1", "text": "quokka food"}]}
    found = right(owner.post("/api/v1/search", json={"request_id": "quokka-4", "payload": search}))
    said = right(
        owner.post(
            "/api/v1/feedback",
            json={
                "rating": "thumbs_down",
                "note": "quokka",
                "user_id": "quokka-user",
                "artifact_id": sorted_into,
                "correction": {"item_name": NAME["item_name"], "category": "Quokka snacks"},
            },
        )
    )
    return Things(
        jobs=(read["id"], plan["id"]),
        artifacts=(
            read["artifact_id"],
            plan["artifact_id"],
            sorted_into,
            found["metadata"]["artifact_id"],
        ),
        feedback=(said["id"],),
        receipt=read,
    )


@pytest.fixture(scope="module")
def operations(service: Service) -> dict[str, list[str]]:
    """Every operation of the OpenAPI, with the names of its query parameters."""
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": [
            one["name"] for one in operation.get("parameters", []) if one["in"] == "query"
        ]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_every_operation_is_one_that_these_tests_know(operations: dict[str, list[str]]) -> None:
    assert operations.keys() == NOBODYS | LISTS | THINGS | TENANTS


def lookups(operation: str, things: Things) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Method, path and body of the operation upon each of the owner's things."""
    method, path = operation.split()
    if operation == "POST /api/v1/feedback":
        for job in things.jobs:
            yield method, path, {"rating": "thumbs_up", "job_id": job}
        for artifact in things.artifacts:
            yield method, path, {"rating": "thumbs_up", "artifact_id": artifact}
        return
    for one in things.ids:  # an id of one kind must open nothing as an id of another kind either
        yield method, re.sub(r"\{.*\}", one, path), None


@pytest.mark.parametrize("operation", sorted(THINGS))
def test_no_id_of_one_tenant_opens_anything_to_another(
    operation: str, things: Things, stranger: httpx.Client
) -> None:
    for method, path, body in lookups(operation, things):
        answer = stranger.request(method, path, json=body)
        none = stranger.request(method, path.replace(things.jobs[0], "job_0"), json=body)
        assert answer.status_code == 404, (path, answer.text)
        assert answer.json()["code"] == "not_found"
        assert answer.json()["error"] == none.json()["error"]  # nor tells it from what is not there
        assert OWNER not in answer.text


@pytest.mark.parametrize("operation", sorted(THINGS))
@pytest.mark.parametrize("place", ["query", "body"])
def test_naming_another_tenant_beside_ones_own_opens_nothing(
    operation: str, place: str, things: Things, stranger: httpx.Client
) -> None:
    for method, path, body in lookups(operation, things):
        if place == "query":
            answer = stranger.request(method, path, json=body, params={"tenant_id": OWNER})
        elif method == "POST":
            answer = stranger.request(method, path, json={**(body or {}), "tenant_id": OWNER})
        else:
            continue
        assert (answer.status_code, answer.json()["code"]) == (400, "tenant_mismatch")


@pytest.mark.parametrize("operation", sorted(LISTS))
def test_no_list_count_or_export_holds_anothers_things(
    operation: str,
    operations: dict[str, list[str]],
    things: Things,
    owner: httpx.Client,
    stranger: httpx.Client,
) -> None:
    path = operation.split()[1]
    filters: list[dict[str, str]] = [{}]
    for name in operations[operation]:
        if name == "format":
            filters.append({"format": "jsonl"})
        if name.endswith("_id"):
            filters += [{name: one} for one in (*things.ids, "quokka-1", "quokka-3")]
    for chosen in filters:
        text = stranger.get(path, params=chosen).raise_for_status().text
        assert OWNER not in text.lower()
        assert not [one for one in things.ids if one in text]
    assert OWNER in owner.get(path).text.lower()  # what is looked for is there
    if "format" in operations[operation]:
        assert OWNER in owner.get(path, params={"format": "jsonl"}).text.lower()


def test_no_count_tells_of_anothers_things(
    things: Things, owner: httpx.Client, service: Service
) -> None:
    with caller(service, "bilby") as newcomer:
        for path in ("jobs", "artifacts", "feedback"):
            assert right(newcomer.get(f"/api/v1/{path}"))["total"] == 0
            assert right(owner.get(f"/api/v1/{path}"))["total"] > 0
        assert right(newcomer.get("/api/v1/corrections")) == {"corrections": []}


@pytest.mark.parametrize("operation", sorted(TENANTS))
def test_nobody_erases_another_tenant(
    operation: str, things: Things, stranger: httpx.Client, owner: httpx.Client
) -> None:
    method, path = operation.split()
    answer = stranger.request(method, path.replace("{tenant_id}", OWNER))
    assert (answer.status_code, answer.json()["code"]) == (400, "tenant_mismatch")
    for one in things.artifacts:
        right(owner.get(f"/api/v1/artifacts/{one}"))


def test_a_correction_changes_nobody_elses_answer(
    things: Things, owner: httpx.Client, stranger: httpx.Client, service: Service
) -> None:
    def placed(client: httpx.Client) -> dict[str, Any]:
        payload = right(client.post("/api/v1/categorize", json={"payload": NAME}))["payload"]
        return {**payload, "processing_time_ms": 0}

    assert placed(owner)["source"] == "correction"
    with caller(service, "bilby") as newcomer:
        assert placed(stranger) == placed(newcomer)
    assert placed(stranger).get("source") != "correction"


def test_the_same_photo_is_no_duplicate_of_another_tenants(
    things: Things, stranger: httpx.Client, owner: httpx.Client, sample: str
) -> None:
    theirs = submitted(stranger, **receipt(sample))
    assert theirs["output_payload"].get("duplicate_of") is None
    again = submitted(owner, **receipt(sample))
    assert again["output_payload"]["duplicate_of"] == things.receipt["id"]


def test_the_same_request_id_names_another_job(
    things: Things, stranger: httpx.Client, sample: str
) -> None:
    theirs = submitted(stranger, request_id="quokka-1", **receipt(sample))
    assert theirs["id"] not in things.jobs
    assert theirs["tenant_id"] == STRANGER


def test_the_same_image_outlives_another_tenant(
    things: Things, service: Service, owner: httpx.Client, sample: str
) -> None:
    """Equal bytes are one file."""
    with caller(service, "numbat") as third:
        submitted(third, **receipt(sample))
        erased = right(third.delete("/api/v1/tenants/numbat/data"))
        assert erased["erased"]["jobs"] == 1
    image = owner.get(f"/api/v1/artifacts/{things.artifacts[0]}/image")
    assert image.content == SAMPLE.read_bytes()


def test_a_chat_is_its_tenants_alone(
    engine: Service, stranger: httpx.Client, owner: httpx.Client
) -> None:
    sent = {
        "model": right(owner.get("/v1/models"))["data"][0]["id"],
        "messages": [{"role": "user", "content": "quokka?"}],
        "max_tokens": 4,
        "user": STRANGER,  # the header says who it is
    }
    right(owner.post("/v1/chat/completions", json=sent))

    def listed(client: httpx.Client) -> Any:
        return right(client.get("/api/v1/artifacts", params={"feature": "chat_completion"}))

    [kept] = listed(owner)["artifacts"]
    assert listed(stranger)["total"] == 0
    assert stranger.get(f"/api/v1/artifacts/{kept['id']}").status_code == 404
