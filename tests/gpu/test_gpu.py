"""The configuration for GPUs on a machine that has them: the large model chats and reads."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import running, wait_for_engine

pytestmark = pytest.mark.skipif(
    shutil.which("nvidia-smi") is None, reason="there is no GPU (no nvidia-smi) on this machine"
)

LOAD_LIMIT_S = 1800  # the first time, the model is downloaded


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("gpu")
    with running(folder, settings={"engine": {"mode": "auto"}}) as service:
        wait_for_engine(service, seconds=LOAD_LIMIT_S)
        with httpx.Client(
            base_url=service.url, headers={"x-tenant-id": "gpu"}, timeout=60
        ) as client:
            yield client


def test_the_model_answers_a_question(client: httpx.Client) -> None:
    question = [{"role": "user", "content": "What is the capital of France? One word."}]
    response = client.post("/v1/chat/completions", json={"messages": question, "temperature": 0})
    assert "Paris" in response.json()["choices"][0]["message"]["content"]


def test_the_model_reads_a_receipt_as_ocr_does(client: httpx.Client) -> None:
    payload = {
        "image_base64": base64.b64encode(SAMPLE.read_bytes()).decode(),
        "options": {"engine": "vision"},
    }
    response = client.post("/api/v1/extract-receipt", json={"payload": payload})
    extraction = response.json()["payload"]
    assert extraction["sources"]["merchant"] == "vision"
    assert (extraction["date"], extraction["total"]) == ("2026-01-17", 33.67)
