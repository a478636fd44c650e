"""Categories, vectors and search over HTTP: the shapes of the contract, corrections, bad input."""

from typing import Any

import pytest

from tests.unit.deployments.conftest import Front

TENANT = {"x-tenant-id": "t1"}
LABELS = ["Milk", "Bread", "Other"]
DOCUMENTS = [{"id": "a", "text": "Lasagne\nwith beef"}, {"id": "b", "text": "Green salad"}]


async def post(front: Front, path: str, payload: Any, tenant: str = "t1") -> Any:
    return await front.client.post(
        f"/api/v1/{path}", json={"request_id": "r1", "tenant_id": tenant, "payload": payload}
    )


async def test_a_name_gets_its_category_and_an_artifact(front: Front) -> None:
    answer = await post(front, "categorize", {"item_name": "bagel", "candidate_labels": LABELS})
    body = answer.json()
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
    artifact = (await front.client.get(f"/api/v1/artifacts/{artifact_id}", headers=TENANT)).json()
    assert artifact["input_payload"]["item_name"] == "bagel"
    assert artifact["output_payload"] == body["payload"]


async def test_a_batch_keeps_its_order_and_ids(front: Front) -> None:
    items = [{"id": 2, "name": "oil"}, {"id": "1", "name": "milk"}]
    payload = {"items": items, "candidate_labels": LABELS}
    predictions = (await post(front, "categorize-batch", payload)).json()["payload"]["predictions"]
    assert [(one["id"], one["predicted_category"]) for one in predictions] == [
        (2, "Other"),
        ("1", "Milk"),
    ]


async def test_a_correction_changes_the_very_next_answer_of_that_tenant_alone(
    front: Front,
) -> None:
    payload = {"item_name": "Oat Milk", "candidate_labels": LABELS}
    first = (await post(front, "categorize", payload)).json()
    feedback = {
        "rating": "thumbs_down",
        "artifact_id": first["metadata"]["artifact_id"],
        "correction": {"item_name": "Oat Milk", "category": "Milk"},
    }
    await front.client.post("/api/v1/feedback", headers=TENANT, json=feedback)
    for name in ("Oat Milk", "OAT MLK 1L", "oat milk."):
        answer = (await post(front, "categorize", {**payload, "item_name": name})).json()
        assert (answer["payload"]["category"], answer["payload"]["source"]) == (
            "Milk",
            "correction",
        )
        assert answer["metadata"]["model_id"] == "corrections"
    other = (await post(front, "categorize", payload, tenant="t2")).json()
    assert (other["payload"]["category"], other["payload"]["source"]) == ("Other", "classifier")


async def test_texts_are_embedded_without_a_tenant(front: Front) -> None:
    for path in ("/api/v1/embed", "/api/v1/embed/batch"):
        texts = [{"id": number, "text": "x" * number} for number in range(1, 100)]
        answer = await front.client.post(
            path, json={"version": "1", "request_id": "r2", "texts": texts}
        )
        body = answer.json()
        assert (body["version"], body["request_id"]) == ("1", "r2")
        assert (body["model"], body["dimension"]) == ("lengths", 2)
        assert body["embeddings"] == [
            {"id": number, "vector": [number, 1.0]} for number in range(1, 100)
        ]


async def test_a_search_finds_and_its_record_leaves_the_documents_out(front: Front) -> None:
    payload = {"query": "green salad", "documents": DOCUMENTS, "top_k": 1}
    body = (await post(front, "search", payload)).json()
    [result] = body["payload"]["results"]
    assert (result["id"], result["matched_terms"]) == ("b", ["green", "salad"])
    artifact_id = body["metadata"]["artifact_id"]
    artifact = (await front.client.get(f"/api/v1/artifacts/{artifact_id}", headers=TENANT)).json()
    assert artifact["input_payload"] == {"query": "green salad", "documents": 2, "top_k": 1}


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
        ("search", {"query": "q", "documents": DOCUMENTS, "keyword_weight": "NaN"}, 422, "weight"),
        ("search", {"query": "q", "documents": DOCUMENTS * 2}, 422, "twice"),
        (
            "search",
            {"query": "q", "documents": DOCUMENTS, "keyword_weight": 0, "semantic_weight": 0},
            422,
            "both",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(
    front: Front, path: str, payload: dict[str, Any], status: int, word: str
) -> None:
    answer = await post(front, path, payload)
    assert answer.status_code == status
    assert word in answer.json()["error"]


@pytest.mark.parametrize("name", ["🥛", "חלב", "milk\x00", "\tmilk\n"])
async def test_any_name_with_something_to_see_is_answered(front: Front, name: str) -> None:
    answer = await post(front, "categorize", {"item_name": name, "candidate_labels": LABELS})
    assert answer.status_code == 200


async def test_texts_and_names_can_be_jobs(front: Front) -> None:
    for feature, payload in (
        ("embedding_batch", {"texts": [{"id": 1, "text": "milk"}]}),
        (
            "categorization_batch",
            {"items": [{"id": 1, "name": "milk"}], "candidate_labels": LABELS},
        ),
    ):
        answer = await front.client.post(
            "/api/v1/jobs", headers=TENANT, json={"feature": feature, "payload": payload}
        )
        assert answer.json()["input_payload"] == payload
