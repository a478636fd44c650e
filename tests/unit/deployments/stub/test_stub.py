"""The stub answers every endpoint as the service does, and goes wrong on request."""

import asyncio
import base64
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.ingress.examples import EXAMPLE_BODIES
from deployments.stub.app import stub_app
from sidecar.core.settings import Settings
from tests.contract import check_answer
from tests.unit.deployments.requests import JPEG, TENANT, expect_error, submission

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with stub_app(Settings(data_dir=tmp_path)) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        hooks = {"response": [check_answer]}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://stub", headers=TENANT, event_hooks=hooks
        ) as client:
            yield client


async def ended(stub: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            job: dict[str, Any] = (await stub.get(f"/api/v1/jobs/{job_id}")).json()
            if job["status"] in ("succeeded", "failed"):
                return job
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "name", [name for name in EXAMPLE_BODIES if "{" not in name and "feedback" not in name]
)
async def test_every_example_is_answered_alike_each_time(
    stub: httpx.AsyncClient, name: str
) -> None:
    method, path = name.split()
    first, second = [await stub.request(method, path, json=EXAMPLE_BODIES[name]) for _ in range(2)]
    assert first.status_code == 200, first.text
    assert first.headers["x-stub"] == "true"
    volatile = {"id", "job_id", "request_id", "metadata", "processing_time_ms", "webhook_id"}

    def stable(body: Any) -> Any:
        if isinstance(body, dict):
            return {
                name: stable(value)
                for name, value in body.items()
                if name not in volatile and not name.endswith(("_at", "_ms"))
            }
        return [stable(entry) for entry in body] if isinstance(body, list) else body

    assert stable(first.json()) == stable(second.json())


@pytest.mark.parametrize(
    ("feature", "payload", "field"),
    [
        ("receipt_extraction", {"image_base64": JPEG}, "merchant"),
        ("embedding_batch", EXAMPLE_BODIES["POST /api/v1/embed"], "embeddings"),
        (
            "categorization_batch",
            EXAMPLE_BODIES["POST /api/v1/categorize-batch"]["payload"],
            "predictions",
        ),
        (
            "meal_optimization",
            EXAMPLE_BODIES["POST /api/v1/optimize/meal-plan"]["payload"],
            "meal_plan",
        ),
    ],
)
async def test_jobs_of_every_feature_succeed(
    stub: httpx.AsyncClient, feature: str, payload: dict[str, Any], field: str
) -> None:
    body = submission(feature=feature, payload=payload)
    job_id = (await stub.post("/api/v1/jobs", json=body)).json()["id"]
    job = await ended(stub, job_id)
    assert job["status"] == "succeeded"
    assert job["output_payload"][field]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("503", 503, "overloaded"),
        ("429", 429, "too_many_requests"),
        ("model_unavailable", 503, "model_unavailable"),
        ("delay=0, invalid_image", 400, "invalid_image"),
        ("teapot", 400, "bad_request"),
        ("delay=long", 400, "bad_request"),
    ],
)
async def test_a_request_fails_as_it_asks_to(
    stub: httpx.AsyncClient, fault: str, status: int, code: str
) -> None:
    response = await stub.get("/api/v1/jobs", headers={"x-stub": fault, "x-request-id": "r1"})
    assert response.headers["x-request-id"] == "r1"
    expect_error(response, status, code)
    openai = await stub.get("/v1/models", headers={"x-stub": fault})
    assert (openai.status_code, openai.json()["error"]["code"]) == (status, code)


async def test_a_job_fails_as_its_submission_asks_to(stub: httpx.AsyncClient) -> None:
    headers = {"x-stub": "job=unreadable_pdf"}
    response = await stub.post("/api/v1/jobs", json=submission(), headers=headers)
    assert response.status_code == 200
    job = await ended(stub, response.json()["id"])
    assert (job["status"], job["error_code"], job["attempt"]) == ("failed", "unreadable_pdf", 1)


async def test_a_receipt_may_be_unreadable_or_its_answer_cut_off(stub: httpx.AsyncClient) -> None:
    body = {"payload": {"image_base64": JPEG}}
    path = "/api/v1/extract-receipt"
    whole = (await stub.post(path, json=body)).json()["payload"]
    blank = (await stub.post(path, json=body, headers={"x-stub": "unreadable"})).json()["payload"]
    assert whole.keys() == blank.keys()
    assert (blank["merchant"], blank["total"], blank["items"]) == (None, None, [])
    cut = await stub.post(path, json=body, headers={"x-stub": "malformed"})
    assert cut.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
        cut.json()


async def test_invalid_requests_are_refused_as_by_the_service(stub: httpx.AsyncClient) -> None:
    response = await stub.post("/api/v1/extract-receipt", json={"payload": {}})
    expect_error(response, 422, "validation_error", "image_base64")
    not_an_image = base64.b64encode(b"milk").decode()
    response = await stub.post(
        "/api/v1/extract-receipt", json={"payload": {"image_base64": not_an_image}}
    )
    expect_error(response, 400, "unsupported_image")


async def test_chat_streams_and_calls_no_model(stub: httpx.AsyncClient) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    response = await stub.post("/v1/chat/completions", json=body)
    assert "data: [DONE]" in response.text
    assert response.headers["x-stub"] == "true"


def test_the_stub_imports_only_its_own_group_of_packages() -> None:
    """What its container installs: the group `stub` of pyproject.toml and what that depends on."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    needed = {package["name"]: package.get("dependencies", []) for package in lock}
    extras = {package["name"]: package.get("optional-dependencies", {}) for package in lock}
    installed: set[str] = set()
    pending = [re.split(r"[\[>=<]", line)[0] for line in project["dependency-groups"]["stub"]]
    while pending:
        name = pending.pop()
        if name not in installed:
            installed.add(name)
            optional = [entry for found in extras.get(name, {}).values() for entry in found]
            pending += [entry["name"] for entry in [*needed[name], *optional]]
    script = """
import sys
from importlib.metadata import packages_distributions
before = set(sys.modules)
import deployments.stub.__main__
files = packages_distributions()
modules = {name.partition(".")[0] for name in set(sys.modules) - before}
for module in modules:
    print(*files.get(module, ["grocery-sidecar"]))  # several share a namespace
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    # What its libraries use where it is there.
    installed |= {"pygments", "rich", "email-validator", "watchfiles", "pydantic-extra-types"}
    installed |= {"zstandard", "sniffio", "grocery-sidecar", "setuptools"}
    for line in run.stdout.splitlines():
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in line.split()}
        assert names & installed, line
