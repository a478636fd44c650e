"""Feedback over HTTP: stored for the tenant, linked to its result, and learned from."""

import json
from typing import Any

import pytest

from jobs.queue.job import JobResult
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import SUBMISSION, TENANT, reading

LINES = [("ORG WHL MLK 1GL", "organic whole milk"), ("BNNS", "bananas")]


@pytest.fixture
async def receipt(ingress: IngressClient) -> dict[str, Any]:
    """The job of an extracted receipt."""
    job_id = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    output = reading("Corner Shop", *LINES)
    await ingress.claims.succeed(claimed, JobResult(output=output, model_id="m", model_version="7"))
    job: dict[str, Any] = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()
    return job


async def give(ingress: IngressClient, **feedback: Any) -> Any:
    return await ingress.http.post("/api/v1/feedback", headers=TENANT, json=feedback)


async def corrections(ingress: IngressClient, tenant: str = "t1") -> dict[tuple[str, str], str]:
    response = await ingress.http.get("/api/v1/corrections", headers={"x-tenant-id": tenant})
    return {(row["kind"], row["name"]): row["value"] for row in response.json()["corrections"]}


async def test_feedback_is_listed_filtered_and_exported(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    down = await give(ingress, rating="thumbs_down", note="no\0 milk", job_id=receipt["id"])
    up = await give(ingress, rating="thumbs_up", artifact_id=receipt["artifact_id"], user_id="u")
    assert (down.status_code, down.json()["note"]) == (200, "no milk")
    for response in (down, up):
        assert response.json()["artifact_id"] == receipt["artifact_id"]
        assert response.json()["job_id"] == receipt["id"]
    listed = (await ingress.http.get("/api/v1/feedback", headers=TENANT)).json()
    assert [entry["id"] for entry in listed["feedback"]] == [up.json()["id"], down.json()["id"]]
    filtered = await ingress.http.get("/api/v1/feedback?rating=thumbs_up", headers=TENANT)
    assert (filtered.json()["total"], filtered.json()["feedback"][0]["user_id"]) == (1, "u")
    export = await ingress.http.get("/api/v1/feedback?format=jsonl", headers=TENANT)
    assert export.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in export.text.splitlines()] == [down.json(), up.json()]


async def test_feedback_belongs_to_its_tenant(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    await give(ingress, rating="thumbs_up", job_id=receipt["id"])
    other = {"x-tenant-id": "t2"}
    assert (await ingress.http.get("/api/v1/feedback", headers=other)).json()["total"] == 0
    for result in ({"job_id": receipt["id"]}, {"artifact_id": receipt["artifact_id"]}):
        response = await ingress.http.post(
            "/api/v1/feedback", headers=other, json={"rating": "thumbs_up", **result}
        )
        assert response.status_code == 404


async def test_the_latest_correction_of_a_name_applies(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    for item_name, category in (("Oat Milk 1L", "Dairy"), ("oat milk", "Beverages")):
        response = await give(
            ingress,
            rating="thumbs_down",
            artifact_id=receipt["artifact_id"],
            correction={"item_name": item_name, "category": category},
        )
        assert response.status_code == 200
    assert await corrections(ingress) == {("category", "oat milk"): "Beverages"}
    assert await corrections(ingress, "t2") == {}


async def test_a_corrected_line_corrects_all_its_names(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    response = await give(
        ingress,
        rating="thumbs_down",
        job_id=receipt["id"],
        correction={"line": 1, "category": "Produce", "catalog_id": "p7", "name": "Ripe bananas"},
    )
    assert response.status_code == 200
    assert await corrections(ingress) == {
        (kind, name): value
        for kind, value in (("category", "Produce"), ("catalog", "p7"))
        for name in ("BNNS", "bananas", "Ripe bananas")
    } | {("name", "bananas"): "Ripe bananas"}


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
async def test_invalid_feedback_is_refused(
    ingress: IngressClient, receipt: dict[str, Any], feedback: dict[str, Any], word: str
) -> None:
    if "job_id" in feedback:
        feedback = {**feedback, "job_id": receipt["id"]}
    response = await give(ingress, **feedback)
    assert (response.status_code, response.json()["code"]) == (422, "validation_error")
    assert word in response.json()["error"]
    assert (await ingress.http.get("/api/v1/feedback", headers=TENANT)).json()["total"] == 0


async def test_a_correction_is_listed_with_its_effect_and_removed(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    await give(
        ingress,
        rating="thumbs_down",
        job_id=receipt["id"],
        correction={"line": 1, "name": "Ripe bananas"},
    )
    [row] = (await ingress.http.get("/api/v1/corrections", headers=TENANT)).json()["corrections"]
    assert (row["kind"], row["name"], row["was"]) == ("name", "bananas", "bananas")
    assert (row["shop"], row["receipts"]) == ("Corner Shop", 0)
    path = f"/api/v1/corrections/{row['id']}"
    assert (await ingress.http.delete(path, headers={"x-tenant-id": "t2"})).status_code == 404
    assert (await ingress.http.delete(path, headers=TENANT)).json() == row
    assert (await ingress.http.delete(path, headers=TENANT)).status_code == 404
    assert await corrections(ingress) == {}


async def review_of(ingress: IngressClient, job_id: str) -> Any:
    return (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()["review"]


async def test_feedback_moves_the_review_of_its_job(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    job_id = receipt["id"]

    async def listed(review: str) -> list[str]:
        response = await ingress.http.get(f"/api/v1/jobs?review={review}", headers=TENANT)
        return [job["id"] for job in response.json()["jobs"]]

    assert receipt["review"] is None
    for feedback, review in (
        ({"rating": "thumbs_down"}, "pending"),
        ({"rating": "thumbs_up"}, "confirmed"),
        ({"rating": "thumbs_up", "correction": {"line": 1, "name": "Plantains"}}, "corrected"),
        ({"rating": "thumbs_up"}, "corrected"),
    ):
        assert (await give(ingress, job_id=job_id, **feedback)).status_code == 200
        assert await review_of(ingress, job_id) == review
        assert await listed(review) == [job_id]
    assert await listed("pending") == []
    events = await ingress.queue.events(job_id, after=0)
    assert [event.review for event in events if event.review] == [
        "pending",
        "confirmed",
        "corrected",
        "corrected",
    ]


async def test_a_second_correction_is_told_of_the_first(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    job_id = receipt["id"]

    async def correct(name: str, based_on: str | None) -> Any:
        return await give(
            ingress,
            rating="thumbs_up",
            job_id=job_id,
            user_id=f"user of {name}",
            based_on=based_on,
            correction={"line": 1, "name": name},
        )

    first = await correct("Plantains", None)
    second = await correct("Ripe bananas", None)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    assert "user of Plantains corrected" in second.json()["error"]
    assert await corrections(ingress) == {("name", "bananas"): "Plantains"}
    assert (await correct("Ripe bananas", first.json()["id"])).status_code == 200


async def test_lines_that_the_receipt_has_not_are_refused(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    for lines in ([{"line": 2}], [{"name": "Milk"}], [{"line": 0, "total_price": "NaN"}]):
        response = await give(
            ingress, rating="thumbs_up", job_id=receipt["id"], correction={"line_items": lines}
        )
        assert response.status_code == 422
    assert await review_of(ingress, receipt["id"]) is None


async def test_a_line_of_which_there_is_none_is_no_correction(
    ingress: IngressClient, receipt: dict[str, Any]
) -> None:
    for quantity in (0, -1):
        correction = {"line": 0, "quantity": quantity}
        response = await give(
            ingress, rating="thumbs_down", job_id=receipt["id"], correction=correction
        )
        assert response.status_code == 422
        assert "correction.quantity: must be above 0" in response.json()["error"]
    job = await ingress.http.get(f"/api/v1/jobs/{receipt['id']}", headers=TENANT)
    assert job.status_code == 200
