"""The types that the reference application stores and decodes, on every endpoint.

It is written in Elixir: an integer column takes no float, a money type takes no float, and only
status 200 is success. The stub answers through the same routes and schemas as the service.
"""

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from deployments.ingress.examples import EXAMPLE_BODIES
from tests.unit.deployments.requests import JPEG, TENANT, submission
from tests.unit.deployments.stub.test_stub import ended, stub

__all__ = ["stub"]  # the fixture

NUMBER = (int, float)


def example(path: str) -> Any:
    return EXAMPLE_BODIES[f"POST {path}"]


def assert_types(body: Any, types: dict[str, Any]) -> None:
    """Check the type of each field at its path; None in a tuple allows null, bool is no int."""
    for path, expected in types.items():
        values = [body]
        for part in path.split("."):
            values = (
                [entry for value in values for entry in value]
                if part == "*"
                else [value[part] for value in values]
            )
        allowed = expected if isinstance(expected, tuple) else (expected,)
        for value in values:
            kind = None if value is None else type(value)
            assert kind in allowed, f"{path} is {value!r}"


ENVELOPE = {
    "request_id": str,
    "status": str,
    "payload": dict,
    "error": None,
    "metadata.artifact_id": str,
    "metadata.model_id": str,
    "metadata.model_version": str,
    "metadata.latency_ms": float,
    "model_version": str,
    "processing_time_ms": int,
}


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        (
            "/api/v1/categorize",
            {
                "category": str,
                "confidence": float,
                "confidence_level": str,
                "all_scores": dict,
                "processing_time_ms": int,
            },
        ),
        (
            "/api/v1/categorize-batch",
            {
                "predictions.*.id": str,
                "predictions.*.name": str,
                "predictions.*.predicted_category": str,
                "predictions.*.confidence": float,
                "processing_time_ms": int,
            },
        ),
        (
            "/api/v1/search",
            {"results.*.id": str, "results.*.score": float, "results.*.matched_terms": list},
        ),
        (
            "/api/v1/optimize/meal-plan",
            {
                "status": str,
                "meal_plan.*.date": str,
                "meal_plan.*.day_index": int,
                "meal_plan.*.recipe_id": str,
                "meal_plan.*.recipe_name": str,
                "explanation.*": str,
                "shopping_list": list,
                "metrics.recipes_selected": int,
            },
        ),
        (
            "/api/v1/optimize/suggestions",
            {"suggestions.*.recipe_id": str, "suggestions.*.score": NUMBER},
        ),
        (
            "/api/v1/ingredients/parse",
            {
                "ingredients.*.text": str,
                "ingredients.*.quantity": (float, None),
                "ingredients.*.unit": (str, None),
                "ingredients.*.name": str,
                "ingredients.*.optional": bool,
                "ingredients.*.grams": (float, None),
                "ingredients.*.match": (dict, None),
                "ingredients.*.confidence": float,
            },
        ),
        (
            "/api/v1/recipes/extract",
            {
                "title": str,
                "servings": (float, None),
                "prep_time": (int, None),
                "ingredients.*.name": str,
                "steps.*": str,
            },
        ),
        (
            "/api/v1/shopping-list",
            {
                "items.*.ingredient_id": str,
                "items.*.quantity": float,
                "items.*.unit": str,
                "items.*.category": str,
                "items.*.for_recipes.*": str,
                "warnings": list,
            },
        ),
    ],
)
async def test_an_envelope_has_the_types_of_its_columns(
    stub: httpx.AsyncClient, path: str, payload: dict[str, Any]
) -> None:
    body = {"request_id": "req_1", "user_id": None, **example(path)}
    response = await stub.post(path, json=body)
    assert response.status_code == 200
    answer = response.json()
    assert_types(answer, {**ENVELOPE, **{f"payload.{name}": t for name, t in payload.items()}})
    assert (answer["request_id"], answer["status"]) == (body["request_id"], "success")


RECEIPT = {
    "merchant": str,
    "date": str,
    "total": float,
    "currency": str,
    "items.*.name": str,
    "items.*.raw_text": str,
    "items.*.quantity": NUMBER,
    "items.*.unit": (str, None),
    "items.*.price": NUMBER,
    "items.*.unit_price.amount": str,
    "items.*.total_price.amount": str,
    "items.*.total_price.currency": str,
    "items.*.confidence": float,
    "line_items.*.parsed_name": str,
    "raw_ocr_text": str,
    "overall_confidence": float,
    "checks.items_sum": str,
    "checks.matches_total": bool,
    "checks.warnings": list,
}
MONEY = {
    "total.amount": str,
    "total.currency": str,
    "items.*.price.amount": str,
    "items.*.price.currency": str,
}


async def test_a_receipt_has_numbers_or_money_and_never_both(stub: httpx.AsyncClient) -> None:
    path = "/api/v1/extract-receipt"
    answer = (await stub.post(path, json=example(path))).json()
    assert_types(answer, ENVELOPE)
    assert_types(answer["payload"], RECEIPT)
    payload = {"image_base64": JPEG, "options": {"money": "object"}}
    answer = (await stub.post(path, json={"payload": payload})).json()
    without = {name: t for name, t in RECEIPT.items() if name not in ("total", "items.*.price")}
    assert_types(answer["payload"], {**without, **MONEY})


async def test_a_nested_receipt_has_confidences(stub: httpx.AsyncClient) -> None:
    path = "/api/v1/receipts/extract"
    answer = (await stub.post(path, json=example(path))).json()
    assert_types(
        answer,
        {
            "version": str,
            "request_id": str,
            "status": str,
            "processing_time_ms": int,
            "model_version": str,
            "extraction.merchant.name": str,
            "extraction.merchant.confidence": float,
            "extraction.date.value": str,
            "extraction.total.amount": str,
            "extraction.total.currency": str,
            "extraction.line_items.*.total_price.amount": str,
        },
    )


JOB = {
    "id": str,
    "job_id": str,
    "tenant_id": str,
    "user_id": None,
    "feature": str,
    "status": str,
    "attempt": int,
    "max_attempts": int,
    "progress": NUMBER,
    "input_payload": dict,
    "output_payload": (dict, None),
    "error_message": None,
    "error_code": None,
    "retryable": None,
    "model_id": (str, None),
    "model_version": (str, None),
    "created_at": str,
    "cost": None,
    "artifact_id": (str, None),
    "webhook": None,
}


async def test_a_job_its_list_and_its_artifact(stub: httpx.AsyncClient) -> None:
    submitted = (await stub.post("/api/v1/jobs", json=submission(user_id=None))).json()
    assert_types(submitted, {**JOB, "finished_at": (str, None), "latency_ms": (float, None)})
    job = await ended(stub, submitted["id"])
    assert_types(job, {**JOB, "finished_at": str, "started_at": str, "latency_ms": float})
    assert_types(job["output_payload"], RECEIPT)
    for field in ("created_at", "started_at", "finished_at"):
        assert job[field].endswith("Z")
        assert datetime.fromisoformat(job[field]).tzinfo is not None
    jobs = (await stub.get("/api/v1/jobs")).json()
    assert_types(jobs, {"jobs.*.id": str, "total": int, "limit": int, "offset": int})
    artifact = (await stub.get(f"/api/v1/artifacts/{job['artifact_id']}")).json()
    assert_types(artifact, {"id": str, "status": str, "latency_ms": float, "job_id": str})
    page = (await stub.get("/api/v1/artifacts")).json()
    assert_types(page, {"artifacts.*.id": str, "total": int, "limit": int, "offset": int})
    rated = await stub.post("/api/v1/feedback", json={"rating": "thumbs_up", "job_id": job["id"]})
    assert_types(rated.json(), {"id": str, "rating": str, "note": None, "correction": None})
    given = (await stub.get("/api/v1/feedback")).json()
    assert_types(given, {"feedback.*.id": str, "total": int, "next_cursor": None})


async def test_events_corrections_and_an_erasure(stub: httpx.AsyncClient) -> None:
    job_id = (await stub.post("/api/v1/jobs", json=submission())).json()["id"]
    await ended(stub, job_id)
    stream = (await stub.get(f"/api/v1/jobs/{job_id}/events")).text
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    types = {"job_id": str, "version": int, "status": str, "attempt": int, "progress": NUMBER}
    assert_types({"events": events}, {f"events.*.{name}": t for name, t in types.items()})
    assert [event["final"] for event in events][-1] is True
    correction = {"item_name": "oat milk", "category": "Dairy"}
    body = {"rating": "thumbs_down", "job_id": job_id, "correction": correction}
    assert (await stub.post("/api/v1/feedback", json=body)).status_code == 200
    listed = (await stub.get("/api/v1/corrections")).json()
    types = {"id": str, "kind": str, "name": str, "value": str, "receipts": int, "shop": None}
    assert_types(listed, {f"corrections.*.{name}": t for name, t in types.items()})
    queues = (await stub.get("/api/v1/queues", headers={"x-tenant-id": ""})).json()
    assert_types(queues, {"queues.*.feature": str, "queues.*.paused": bool})
    tenant = TENANT["x-tenant-id"]
    erased = (await stub.delete(f"/api/v1/tenants/{tenant}/data")).json()
    assert_types(erased, {"tenant_id": str, "erased": dict, "erased.jobs": int})


async def test_openais_endpoints(stub: httpx.AsyncClient) -> None:
    models = (await stub.get("/v1/models")).json()
    assert_types(models, {"object": str, "data.*.id": str, "data.*.created": int})
    path = "/v1/embeddings"
    vectors = (await stub.post(path, json=example(path))).json()
    types = {"data.*.index": int, "data.*.embedding.*": float, "usage.total_tokens": int}
    assert_types(vectors, {"object": str, "model": str, **types})
    path = "/v1/chat/completions"
    answer = (await stub.post(path, json=example(path))).json()
    types = {"choices.*.index": int, "choices.*.message.content": str}
    assert_types(answer, {"id": str, "created": int, "usage.total_tokens": int, **types})


async def test_a_ping_of_a_receiver(stub: httpx.AsyncClient) -> None:
    path = "/api/v1/webhooks/ping"
    answer = (await stub.post(path, json=example(path))).json()
    types = {"webhook_id": str, "delivered": bool, "latency_ms": float}
    assert_types(answer, {**types, "response_status": None, "error_message": str})


async def test_vectors_health_and_errors(stub: httpx.AsyncClient) -> None:
    vectors = (await stub.post("/api/v1/embed", json=example("/api/v1/embed"))).json()
    assert_types(vectors, {"version": str, "request_id": str, "model": str, "dimension": int})
    assert_types(vectors, {"embeddings.*.id": str, "embeddings.*.vector.*": float})
    ready = (await stub.get("/health/ready")).json()
    assert_types(ready, {"status": str, "version": str, "checks.database": dict})
    error = (await stub.post("/api/v1/categorize", json={"payload": {}})).json()
    types = {"request_id": str, "status": str, "payload": dict, "error": str, "detail": str}
    assert_types(error, {**types, "code": str, "retryable": bool})
