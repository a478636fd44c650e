"""Feedback over HTTP: stored for the tenant, tied to what it is about, and what it teaches."""

import json
from typing import Any

import pytest

from jobs.queue.job import JobResult
from tests.unit.deployments.conftest import Front
from tests.unit.deployments.ingress.test_requests import SUBMISSION, TENANT

LINES = [
    {"raw_text": "ORG WHL MLK 1GL", "parsed_name": "organic whole milk"},
    {"raw_text": "BNNS", "parsed_name": "bananas"},
]


@pytest.fixture
async def receipt(front: Front) -> dict[str, Any]:
    """A receipt that was read, as its job."""
    job_id = (await front.client.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    output = {"merchant": "Corner Shop", "line_items": LINES}
    await front.claims.succeed(held, JobResult(output=output, model_id="m", model_version="7"))
    job: dict[str, Any] = (await front.client.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    return job


async def give(front: Front, **feedback: Any) -> Any:
    return await front.client.post("/api/v1/feedback", headers=TENANT, json=feedback)


async def remembered(front: Front, tenant: str = "t1") -> dict[tuple[str, str], str]:
    answer = await front.client.get("/api/v1/corrections", headers={"x-tenant-id": tenant})
    return {(one["kind"], one["name"]): one["value"] for one in answer.json()["corrections"]}


async def test_feedback_is_listed_filtered_and_exported(
    front: Front, receipt: dict[str, Any]
) -> None:
    down = await give(front, rating="thumbs_down", note="no\0 milk", job_id=receipt["id"])
    up = await give(front, rating="thumbs_up", artifact_id=receipt["artifact_id"], user_id="u")
    assert (down.status_code, down.json()["note"]) == (200, "no milk")
    for given in (down, up):
        assert given.json()["artifact_id"] == receipt["artifact_id"]
        assert given.json()["job_id"] == receipt["id"]
    listed = (await front.client.get("/api/v1/feedback", headers=TENANT)).json()
    assert [one["id"] for one in listed["feedback"]] == [up.json()["id"], down.json()["id"]]
    only = await front.client.get("/api/v1/feedback?rating=thumbs_up", headers=TENANT)
    assert (only.json()["total"], only.json()["feedback"][0]["user_id"]) == (1, "u")
    export = await front.client.get("/api/v1/feedback?format=jsonl", headers=TENANT)
    assert export.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in export.text.splitlines()] == [down.json(), up.json()]


async def test_feedback_is_a_tenants_own(front: Front, receipt: dict[str, Any]) -> None:
    await give(front, rating="thumbs_up", job_id=receipt["id"])
    other = {"x-tenant-id": "t2"}
    assert (await front.client.get("/api/v1/feedback", headers=other)).json()["total"] == 0
    for about in ({"job_id": receipt["id"]}, {"artifact_id": receipt["artifact_id"]}):
        answer = await front.client.post(
            "/api/v1/feedback", headers=other, json={"rating": "thumbs_up", **about}
        )
        assert answer.status_code == 404


async def test_the_latest_correction_of_a_name_counts(
    front: Front, receipt: dict[str, Any]
) -> None:
    for item_name, category in (("Oat Milk 1L", "Dairy"), ("oat milk", "Beverages")):
        answer = await give(
            front,
            rating="thumbs_down",
            artifact_id=receipt["artifact_id"],
            correction={"item_name": item_name, "category": category},
        )
        assert answer.status_code == 200
    assert await remembered(front) == {("category", "oat milk"): "Beverages"}
    assert await remembered(front, "t2") == {}


async def test_a_corrected_line_teaches_its_names(front: Front, receipt: dict[str, Any]) -> None:
    answer = await give(
        front,
        rating="thumbs_down",
        job_id=receipt["id"],
        correction={"line": 1, "category": "Produce", "catalog_id": "p7", "name": "Ripe bananas"},
    )
    assert answer.status_code == 200
    assert await remembered(front) == {
        (kind, name): value
        for kind, value in (("category", "Produce"), ("catalog", "p7"))
        for name in ("BNNS", "bananas", "Ripe bananas")
    }


@pytest.mark.parametrize(
    ("feedback", "word"),
    [
        ({"rating": "thumbs_up"}, "artifact_id or job_id"),
        ({"rating": "great", "job_id": "J"}, "rating"),
        ({"rating": "thumbs_down", "job_id": "J", "correction": {}}, "correction"),
        ({"rating": "thumbs_down", "job_id": "J", "correction": {"line": 0}}, "correct something"),
        (
            {"rating": "thumbs_down", "job_id": "J", "correction": {"line": 2, "name": "x"}},
            "2 line items",
        ),
        (
            {
                "rating": "thumbs_down",
                "job_id": "J",
                "correction": {"item_name": " ", "category": "x"},
            },
            "blank",
        ),
        ({"rating": "thumbs_up", "job_id": "J", "note": "n" * 4001}, "note"),
    ],
)
async def test_feedback_that_says_nothing_is_refused(
    front: Front, receipt: dict[str, Any], feedback: dict[str, Any], word: str
) -> None:
    if "job_id" in feedback:
        feedback = {**feedback, "job_id": receipt["id"]}
    answer = await give(front, **feedback)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert word in answer.json()["error"]
    assert (await front.client.get("/api/v1/feedback", headers=TENANT)).json()["total"] == 0
