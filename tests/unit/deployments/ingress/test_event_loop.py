"""No request holds the event loop, which answers all others, for long."""

import json
import time
from typing import Any

import pytest

from jobs.queue.job import JobResult
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import serve_ingress
from tests.unit.deployments.requests import SUBMISSION, TENANT, reading

#: Seconds of the loop's own work for one request.
_MOST_S = 0.15

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
        started = time.thread_time()
        response = await ingress.http.post(
            f"/api/v1/{path}", json={"payload": payload}, headers=TENANT
        )
        loop_s = time.thread_time() - started
    assert response.status_code in (200, 422)
    assert loop_s < _MOST_S


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
        started = time.thread_time()
        response = await ingress.http.post("/api/v1/feedback", json=feedback, headers=TENANT)
        loop_s = time.thread_time() - started
        stored = await ingress.http.get("/api/v1/corrections", headers=TENANT)
    assert response.status_code == 200
    assert len(stored.json()["corrections"]) > 4 * len(lines)
    assert loop_s < _MOST_S


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_so_does_a_chat_of_many_parts(settings: Settings, path: str) -> None:
    parts = [{"type": "text", "text": "x"}] * 200
    body = {"max_tokens": 1, "messages": [{"role": "user", "content": parts}] * 1_300}
    async with serve_ingress(settings.model_copy(update={"max_body_bytes": 20_000_000})) as ingress:
        few = {"max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
        await ingress.http.post(path, json=few, headers=TENANT)  # loads what is lazy
        content = json.dumps(body)
        headers = {**TENANT, "content-type": "application/json"}
        started = time.thread_time()
        response = await ingress.http.post(path, content=content, headers=headers)
        loop_s = time.thread_time() - started
    assert response.status_code == 200
    assert loop_s < _MOST_S
