"""Synchronous calls that run out of their time: each waits for its end, and is told so."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.service import Service, running, wait_for_engine

ENDLESS = {
    "messages": [{"role": "user", "content": "Tell a long story."}],
    "max_tokens": 1900,
    "ignore_eos": True,
}
MESSAGE = "The completion exceeded its time limit of 1 s"


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, engine: Service) -> Iterator[httpx.Client]:
    """A client of a service with short time limits; its model is the engine's."""
    settings = {
        "engine": {"mode": "auto", "timeout_s": 1, "max_tokens": 1900},
        "sync_timeout_s": 0.02,
    }
    with running(tmp_path_factory.mktemp("hurried"), settings=settings) as service:
        wait_for_engine(service)
        with httpx.Client(
            base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
        ) as client:
            yield client


def test_a_completion_that_exceeds_its_time_limit_is_504(hurried: httpx.Client) -> None:
    response = hurried.post("/v1/chat/completions", json=ENDLESS)
    assert response.status_code == 504
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "timeout")
    assert MESSAGE in error["message"]


def test_a_stream_that_exceeds_its_time_limit_ends_with_the_error(hurried: httpx.Client) -> None:
    response = hurried.post("/v1/chat/completions", json={**ENDLESS, "stream": True})
    assert response.status_code == 200
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert MESSAGE in json.loads(events[-2])["error"]["message"]
    assert json.loads(events[0])["choices"]


def test_a_receipt_that_exceeds_the_time_limit_is_504_and_cancelled(
    hurried: httpx.Client, sample: str
) -> None:
    body = {"payload": {"image_base64": sample}}
    response = hurried.post("/api/v1/extract-receipt", json=body)
    assert response.status_code == 504
    assert (response.json()["code"], response.json()["retryable"]) == ("timeout", True)
    [job] = hurried.get("/api/v1/jobs?feature=receipt_extraction").json()["jobs"]
    assert job["status"] == "cancelled"
