"""Categorization, embedding and search with the real models over HTTP."""

import json
from typing import Any

import httpx
import pytest

from bench.load_generator import load
from bench.requests import categorize
from tests.acceptance.conftest import WaitForJob
from tests.acceptance.service import Service

pytestmark = pytest.mark.both_databases

LABELS = ["Produce", "Dairy", "Bakery", "Household", "Other"]


def post(client: httpx.Client, path: str, payload: Any) -> dict[str, Any]:
    response = client.post(f"/api/v1/{path}", json={"payload": payload})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def cosine(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def test_names_are_categorized_singly_and_in_batches(client: httpx.Client) -> None:
    names = {"ORG WHL MLK 1GL": "Dairy", "rye bread": "Bakery", "kitchen roll": "Household"}
    for name, category in names.items():
        body = post(client, "categorize", {"item_name": name, "candidate_labels": LABELS})
        assert body["payload"]["category"] == category
        assert sum(body["payload"]["all_scores"].values()) == pytest.approx(1)
        assert body["metadata"]["model_id"].startswith("lexicon+")
    items = [{"id": name, "name": name} for name in names]
    body = post(client, "categorize-batch", {"items": items, "candidate_labels": LABELS})
    predictions = body["payload"]["predictions"]
    assert {item["id"]: item["predicted_category"] for item in predictions} == names


def test_many_concurrent_clients_all_get_responses(service: Service) -> None:
    result = load(service.url, lambda: categorize("whole milk"), clients=64, seconds=3)
    assert result.statuses.keys() == {200}


def test_a_correction_applies_to_the_inflected_forms_of_its_name(client: httpx.Client) -> None:
    first = post(client, "categorize", {"item_name": "ogórek", "candidate_labels": LABELS})
    feedback = {
        "rating": "thumbs_down",
        "artifact_id": first["metadata"]["artifact_id"],
        "correction": {"item_name": "ogórek", "category": "Household"},
    }
    assert client.post("/api/v1/feedback", json=feedback).status_code == 200
    for form in ("OGÓRKI 1KG", "ogórków"):
        after = post(client, "categorize", {"item_name": form, "candidate_labels": LABELS})
        assert (after["payload"]["category"], after["payload"]["source"]) == (
            "Household",
            "correction",
        )


def test_a_correction_takes_effect_at_once_for_its_tenant_alone(client: httpx.Client) -> None:
    payload = {"item_name": "Zwieback Deluxe", "candidate_labels": LABELS}
    first = post(client, "categorize", payload)
    feedback = {
        "rating": "thumbs_down",
        "artifact_id": first["metadata"]["artifact_id"],
        "correction": {"item_name": "Zwieback Deluxe", "category": "Household"},
    }
    assert client.post("/api/v1/feedback", json=feedback).status_code == 200
    after = post(client, "categorize", {**payload, "item_name": "ZWIEBACK DELUXE 200G"})
    assert (after["payload"]["category"], after["payload"]["source"]) == (
        "Household",
        "correction",
    )
    other = client.post(
        "/api/v1/categorize", headers={"x-tenant-id": "somebody"}, json={"payload": payload}
    ).json()
    assert other["payload"]["all_scores"] == first["payload"]["all_scores"]
    lines = client.get("/api/v1/feedback", params={"format": "jsonl"}).text.splitlines()
    assert json.loads(lines[-1])["correction"] == feedback["correction"]


def test_similar_texts_get_similar_vectors_and_batches_keep_their_order(
    client: httpx.Client,
) -> None:
    texts = [
        {"id": "a", "text": "spaghetti with tomato sauce"},
        {"id": "b", "text": "pasta in a tomato sauce"},
        {"id": "c", "text": "toilet paper"},
    ]
    body = client.post("/api/v1/embed", json={"version": "1", "texts": texts}).json()
    a, b, c = (item["vector"] for item in body["embeddings"])
    assert body["dimension"] == len(a) == 384
    assert cosine(a, a) == pytest.approx(1, abs=1e-5)
    assert cosine(a, b) > 0.6 > 0.3 > cosine(a, c)
    many = [{"id": n, "text": texts[n % 3]["text"] + " or so" * (n % 7 == 6)} for n in range(300)]
    response = client.post("/api/v1/embed/batch", json={"texts": many, "batch_size": 16})
    vectors = {item["id"]: item["vector"] for item in response.json()["embeddings"]}
    assert list(vectors) == list(range(300))
    for number in range(300):
        if number % 7 != 6:
            assert cosine(vectors[number], (a, b, c)[number % 3]) > 0.9999


def test_search_ranks_by_words_and_by_meaning(client: httpx.Client) -> None:
    documents = [
        {"id": 1, "text": "Beef lasagne\nLayers of pasta, beef ragout and bechamel"},
        {"id": 2, "text": "Lentil soup\nRed lentils, cumin, lemon"},
        {"id": 3, "text": "Lemon cake\nSponge with lemon glaze"},
    ]
    body = post(client, "search", {"query": "lentil soup", "documents": documents})
    assert body["payload"]["results"][0]["id"] == 2
    assert body["payload"]["results"][0]["score"] == 1.0
    body = post(client, "search", {"query": "sweet dessert", "documents": documents, "top_k": 1})
    [best] = body["payload"]["results"]
    assert (best["id"], best["matched_terms"]) == (3, [])


def test_batches_run_as_jobs(client: httpx.Client, wait_for_job: WaitForJob) -> None:
    for feature, payload in (
        ("embedding_batch", {"texts": [{"id": n, "text": f"recipe {n}"} for n in range(200)]}),
        (
            "categorization_batch",
            {
                "items": [{"id": n, "name": "milk"} for n in range(200)],
                "candidate_labels": LABELS,
            },
        ),
    ):
        response = client.post("/api/v1/jobs", json={"feature": feature, "payload": payload})
        job = wait_for_job(response.json()["id"])
        assert (job["status"], job["progress"]) == ("succeeded", 1.0)
        [results] = [value for value in job["output_payload"].values() if isinstance(value, list)]
        assert [item["id"] for item in results] == list(range(200))


def test_a_receipts_items_are_categorized(client: httpx.Client, sample: str) -> None:
    options = {"categorize": True, "candidate_labels": LABELS}
    payload = post(client, "extract-receipt", {"image_base64": sample, "options": options})[
        "payload"
    ]
    for form in ("items", "line_items"):
        assert payload[form][0]["category"] == "Dairy"
        assert payload[form][-1]["category"] == "Household"


@pytest.mark.parametrize(
    ("language", "labels", "names"),
    [
        (
            "de",
            ["Obst und Gemüse", "Milchprodukte", "Fleisch und Fisch", "Getränke", "Haushalt"],
            {"H-Vollmilch 3,5% 1L": 1, "Hähnchenbrustfilet": 2, "Klopapier": 4, "kartofel": 0},
        ),
        (
            "es",
            ["Frutas y verduras", "Lácteos", "Carne", "Bebidas", "Hogar"],
            {"manzanas": 0, "LECHE ENTERA 1L": 1, "pechuga de pollo": 2, "cerveza": 3},
        ),
        (
            "ru",
            ["Овощи и фрукты", "Молочные продукты", "Мясо", "Напитки", "Хозтовары"],
            {"яблоки": 0, "сметана 20%": 1, "куриное филе": 2, "туалетная бумага": 4},
        ),
        (
            "ja",
            ["野菜・果物", "乳製品", "肉", "飲み物", "日用品"],
            {"りんご": 0, "牛乳": 1, "鶏もも肉": 2, "洗剤": 4},
        ),
    ],
)
def test_names_and_labels_of_other_languages(
    client: httpx.Client, language: str, labels: list[str], names: dict[str, int]
) -> None:
    items = [{"id": name, "name": name} for name in names]
    for hint in ({}, {"language": language}):
        body = post(client, "categorize-batch", {"items": items, "candidate_labels": labels} | hint)
        predictions = body["payload"]["predictions"]
        assert {item["id"]: item["predicted_category"] for item in predictions} == {
            name: labels[number] for name, number in names.items()
        }
    english = {"item_name": next(iter(names)), "candidate_labels": LABELS}
    scores = post(client, "categorize", english)["payload"]["all_scores"]
    assert sum(scores.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("query", "best", "others"),
    [
        ("Kartoffelsuppe", "Potato soup", ["Apple pie", "Grilled salmon", "Greek salad"]),
        ("potato soup", "Kartoffelsuppe", ["Apfelkuchen", "Gegrillter Lachs", "Bauernsalat"]),
        ("kartofelsuppe", "Kartoffelsuppe", ["Käsesahnetorte", "Karottensalat"]),
        ("something warm for a cold day", "Tomato soup", ["Ice cream"]),
        ("comfort food", "Macaroni and cheese", ["Green salad"]),
    ],
)
def test_searches_across_languages_with_errors_and_by_occasion(
    client: httpx.Client, query: str, best: str, others: list[str]
) -> None:
    documents = [{"id": text, "text": text} for text in (*others, best)]
    body = post(client, "search", {"query": query, "documents": documents})
    assert body["payload"]["results"][0]["id"] == best
