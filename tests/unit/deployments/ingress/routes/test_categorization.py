"""Categorization over HTTP: response shapes, corrections and invalid input."""

from typing import Any

import pytest

from sidecar.classification.schemas import DEFAULT_LABELS
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import TENANT

LABELS = ["Milk", "Bread", "Other"]


async def post(ingress: IngressClient, path: str, payload: Any, tenant: str = "t1") -> Any:
    return await ingress.http.post(
        f"/api/v1/{path}", json={"request_id": "r1", "tenant_id": tenant, "payload": payload}
    )


async def test_a_name_gets_its_category_and_an_artifact(ingress: IngressClient) -> None:
    response = await post(ingress, "categorize", {"item_name": "bagel", "candidate_labels": LABELS})
    body = response.json()
    assert body["payload"]["processing_time_ms"] >= 0
    assert {**body["payload"], "processing_time_ms": 0} == {
        "category": "Bread",
        "confidence": 1.0,
        "confidence_level": "high",
        "all_scores": {"Milk": 0.0, "Bread": 1.0, "Other": 0.0},
        "source": "classifier",
        "processing_time_ms": 0,
    }
    assert (body["metadata"]["model_id"], body["request_id"]) == ("lengths", "r1")
    artifact_id = body["metadata"]["artifact_id"]
    artifact = (await ingress.http.get(f"/api/v1/artifacts/{artifact_id}", headers=TENANT)).json()
    assert artifact["input_payload"]["item_name"] == "bagel"
    assert artifact["output_payload"] == body["payload"]


async def test_a_batch_keeps_its_order_and_ids(ingress: IngressClient) -> None:
    items = [{"id": 2, "name": "oil"}, {"id": "1", "name": "milk"}]
    payload = {"items": items, "candidate_labels": LABELS}
    predictions = (await post(ingress, "categorize-batch", payload)).json()["payload"][
        "predictions"
    ]
    assert [(item["id"], item["predicted_category"]) for item in predictions] == [
        (2, "Other"),
        ("1", "Milk"),
    ]


async def test_a_correction_applies_to_the_tenants_next_request_only(
    ingress: IngressClient,
) -> None:
    payload = {"item_name": "Oat Milk", "candidate_labels": LABELS}
    first = (await post(ingress, "categorize", payload)).json()
    feedback = {
        "rating": "thumbs_down",
        "artifact_id": first["metadata"]["artifact_id"],
        "correction": {"item_name": "Oat Milk", "category": "Milk"},
    }
    await ingress.http.post("/api/v1/feedback", headers=TENANT, json=feedback)
    for name in ("Oat Milk", "OAT MLK 1L", "oat milk."):
        response = (await post(ingress, "categorize", {**payload, "item_name": name})).json()
        assert (response["payload"]["category"], response["payload"]["source"]) == (
            "Milk",
            "correction",
        )
        assert response["metadata"]["model_id"] == "corrections"
    other = (await post(ingress, "categorize", payload, tenant="t2")).json()
    assert (other["payload"]["category"], other["payload"]["source"]) == ("Other", "classifier")


@pytest.mark.parametrize(
    ("path", "payload", "status", "word"),
    [
        ("categorize", {"item_name": " ", "candidate_labels": LABELS}, 422, "item_name"),
        ("categorize", {"item_name": "x" * 10_000, "candidate_labels": LABELS}, 413, "500"),
        ("categorize", {"item_name": "milk", "candidate_labels": ["a", "a"]}, 422, "twice"),
        ("categorize", {"item_name": "milk", "candidate_labels": ["a", ""]}, 422, "labels"),
        (
            "categorize",
            {"item_name": "milk", "candidate_labels": [str(n) for n in range(101)]},
            422,
            "100",
        ),
        ("categorize-batch", {"items": [], "candidate_labels": LABELS}, 422, "items"),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, path: str, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await post(ingress, path, payload)
    assert response.status_code == status
    assert word in response.json()["error"]


@pytest.mark.parametrize("name", ["🥛", "חלב", "milk\x00", "\tmilk\n"])
async def test_any_name_with_visible_characters_is_categorized(
    ingress: IngressClient, name: str
) -> None:
    response = await post(ingress, "categorize", {"item_name": name, "candidate_labels": LABELS})
    assert response.status_code == 200


async def test_without_labels_names_are_sorted_into_departments(ingress: IngressClient) -> None:
    for path, payload in (
        ("categorize", {"item_name": "bagel"}),
        ("categorize-batch", {"items": [{"id": 1, "name": "bagel"}]}),
    ):
        body = {"tenant_id": "t1", "payload": payload}
        answer = (await ingress.http.post(f"/api/v1/{path}", json=body)).json()["payload"]
        scores = answer.get("all_scores") or answer["predictions"][0]["all_scores"]
        assert tuple(scores) == DEFAULT_LABELS
        assert max(scores, key=scores.__getitem__).startswith("B")
    job = await ingress.http.post(
        "/api/v1/jobs",
        json={
            "tenant_id": "t1",
            "feature": "categorization_batch",
            "payload": {"items": [{"id": 1, "name": "bagel"}]},
        },
    )
    assert job.status_code == 200
