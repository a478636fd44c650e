"""No request holds the event loop, which answers all others, for long."""

import json
from typing import Any

import pydantic_core
import pytest

from jobs.queue.job import JobResult
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import serve_ingress
from tests.unit.deployments.requests import SUBMISSION, TENANT, off_the_loop, reading, submission

LINES = ["2-3 tbsp sugar or honey (optional), plus 1 can (400 g)"] * 100
CONVERSIONS = [
    {"unit": "cup", "quantity": 1, "to": "g", "name": f"brown flour of mill {n}"}
    for n in range(400)
]
CATALOG = [{"ingredient_id": f"f{n}", "name": f"flour from mill {n} " * 12} for n in range(2_000)]


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        (
            "optimize/meal-plan",  # its lines are parsed before it is refused
            {"recipes": [{"id": f"r{n}", "name": "r", "ingredients": LINES} for n in range(10)]},
        ),
        (
            "ingredients/parse",
            {"lines": [f"2 cups flour {n}" for n in range(400)], "conversions": CONVERSIONS},
        ),
        (
            "ingredients/parse",
            {"lines": [f"2 cups flour {n}" for n in range(400)], "catalog": CATALOG},
        ),
    ],
    ids=["recipe lines", "conversions", "catalog"],
)
async def test_long_work_leaves_the_loop_to_others(
    settings: Settings, path: str, payload: dict[str, Any]
) -> None:
    async with serve_ingress(settings.model_copy(update={"max_body_bytes": 2_000_000})) as ingress:
        body = {"payload": {"lines": ["1 cup flour"], "recipes": []}}
        await ingress.http.post(f"/api/v1/{path}", json=body, headers=TENANT)  # loads what is lazy
        with off_the_loop():
            response = await ingress.http.post(
                f"/api/v1/{path}", json={"payload": payload}, headers=TENANT
            )
    assert response.status_code in (200, 422)


async def test_so_does_a_correction_of_many_lines(settings: Settings) -> None:
    lines = [(f"ORG WHL MLK {n} " * 6, f"organic whole milk {n} " * 6) for n in range(600)]
    corrected = [
        {"line": n, "name": f"milk {n}", "unit": "l", "category": "Dairy", "catalog_id": f"c{n}"}
        for n in range(len(lines))
    ]
    async with serve_ingress(settings.model_copy(update={"max_body_bytes": 200_000})) as ingress:
        job_id = (await ingress.http.post("/api/v1/jobs", json=SUBMISSION)).json()["id"]
        [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
        output = reading("Corner Shop", *lines)
        await ingress.claims.succeed(
            claimed, JobResult(output=output, model_id="m", model_version="7")
        )
        feedback = {
            "rating": "thumbs_down",
            "job_id": job_id,
            "correction": {"line_items": corrected},
        }
        with off_the_loop():
            response = await ingress.http.post("/api/v1/feedback", json=feedback, headers=TENANT)
        stored = await ingress.http.get("/api/v1/corrections", headers=TENANT)
    assert response.status_code == 200
    assert len(stored.json()["corrections"]) > 4 * len(lines)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_so_does_a_chat_of_many_parts(settings: Settings, path: str) -> None:
    parts = [{"type": "text", "text": "x"}] * 200
    body = {"max_tokens": 1, "messages": [{"role": "user", "content": parts}] * 1_300}
    async with serve_ingress(settings.model_copy(update={"max_body_bytes": 20_000_000})) as ingress:
        few = {"max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
        await ingress.http.post(path, json=few, headers=TENANT)  # loads what is lazy
        content = json.dumps(body)
        headers = {**TENANT, "content-type": "application/json"}
        with off_the_loop():
            response = await ingress.http.post(path, content=content, headers=headers)
    assert response.status_code == 200


async def test_payloads_are_answered_as_they_are_stored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [{"id": str(n), "text": "oat milk " * 20} for n in range(200)]
    job = submission(feature="embedding_batch", payload={"texts": texts})
    vectors = [{"id": str(n), "vector": [0.1] * 384} for n in range(200)]
    output = {
        "version": None,
        "request_id": None,
        "model": "m",
        "model_version": "7",
        "dimension": 384,
        "embeddings": vectors,
    }
    parse = pydantic_core.from_json

    def parse_little(text: str) -> Any:
        assert len(text) < 10_000
        return parse(text)

    async with serve_ingress(settings.model_copy(update={"max_body_bytes": 200_000})) as ingress:
        submitted = (await ingress.http.post("/api/v1/jobs", json=job)).json()
        [claimed] = await ingress.claims.claim(["embedding_batch"], 1)
        result = JobResult(output=output, model_id="m", model_version="7")
        await ingress.claims.succeed(claimed, result)
        monkeypatch.setattr(pydantic_core, "from_json", parse_little)
        url = f"/api/v1/jobs/{submitted['id']}"
        answer = (await ingress.http.get(url, headers=TENANT)).json()
        url = f"/api/v1/artifacts/{answer['artifact_id']}"
        artifact = (await ingress.http.get(url, headers=TENANT)).json()
    assert submitted["output_payload"] is None
    assert answer["output_payload"] == output
    assert artifact["output_payload"] == output
    for found in (submitted, answer, artifact):
        assert found["input_payload"]["texts"] == texts
