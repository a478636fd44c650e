"""Images on their way to a model that sees: what it says is random, that it is asked is not."""

import base64
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.acceptance import tiny_vlm
from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service, running, wait_for_engine

FIELDS = {"merchant", "date", "time", "total", "subtotal", "tax", "line_items"}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, engine: Service) -> Iterator[httpx.Client]:
    """A service whose model sees. (The other one's engine gave its tokenizer.)"""
    from sidecar.core.settings import Settings
    from sidecar.llm.model import resolve_model

    folder = tmp_path_factory.mktemp("vision")
    tokenizer = Path(resolve_model(Settings(data_dir=engine.data_dir)).path)
    tiny_vlm.make(tokenizer, folder / "tiny-vlm")
    settings = {
        "engine": {
            "mode": "auto",
            "model": str(folder / "tiny-vlm"),
            "vision": True,
            "max_tokens": 200,  # random weights seldom end by themselves
        },
        "receipt": {"max_attempts": 1},
        "classifier": {"backend": "llm"},
        "ssrf_allowed_networks": ["127.0.0.1/32"],
    }
    with running(folder, settings=settings) as service:
        wait_for_engine(service)
        with httpx.Client(
            base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
        ) as client:
            yield client


def ask(client: httpx.Client, *urls: str, **fields: Any) -> httpx.Response:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is this?"}, *images]
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 20, **fields}
    return client.post("/v1/chat/completions", json=body)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (shade, 0, 0)).save(file, "png")
    return file.getvalue()


def test_an_image_is_part_of_the_prompt(seeing: httpx.Client) -> None:
    urls = [f"data:image/png;base64,{base64.b64encode(png(n)).decode()}" for n in (0, 250)]
    counts = []
    for some in ([], urls[:1], urls):
        answer = ask(seeing, *some)
        assert answer.status_code == 200, answer.text
        counts.append(answer.json()["usage"]["prompt_tokens"])
    assert counts[0] < counts[1] < counts[2]


def test_an_image_by_url_is_fetched_by_the_service(seeing: httpx.Client) -> None:
    fetched = []

    class Shop(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetched.append((self.path, self.headers["user-agent"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png(9))

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = ask(seeing, f"http://127.0.0.1:{server.server_port}/x.png")
        server.shutdown()
    assert answer.status_code == 200, answer.text
    [(path, agent)] = fetched
    assert path == "/x.png"
    assert "httpx" in agent
    refused = ask(seeing, "http://169.254.169.254/latest/meta-data")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "blocked_url")


def test_what_is_said_of_an_image_follows_a_schema(seeing: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"fresh": {"type": "boolean"}},
        "required": ["fresh"],
        "additionalProperties": False,
    }
    url = f"data:image/png;base64,{base64.b64encode(png(1)).decode()}"
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = ask(seeing, url, response_format=format_, max_tokens=200)
    told = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert isinstance(told["fresh"], bool)


def test_a_receipt_says_which_engine_read_each_field(seeing: httpx.Client) -> None:
    image = base64.b64encode(SAMPLE.read_bytes()).decode()

    def read(engine: str) -> httpx.Response:
        payload = {"image_base64": image, "options": {"engine": engine}}
        return seeing.post("/api/v1/extract-receipt", json={"payload": payload})

    sure = read("auto").json()["payload"]
    assert sure["sources"] == dict.fromkeys(FIELDS, "ocr")
    assert sure["total"] == 33.67
    # Random weights write until the limit of tokens; then they have read nothing, and it is said.
    answer = read("vision")
    if answer.status_code == 200:
        assert set(answer.json()["payload"]["sources"]) == FIELDS
        assert "tiny-vlm" in answer.json()["metadata"]["model_id"]
    else:
        assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")


def test_names_are_sorted_by_the_model_into_nothing_but_the_labels(seeing: httpx.Client) -> None:
    labels = ["Dairy & Eggs", "Bäckerei", 'Mom\'s "own"']
    payload = {"item_name": "whole milk", "candidate_labels": labels}
    answers = [
        seeing.post("/api/v1/categorize", json={"payload": payload}).json() for _ in range(2)
    ]
    for answer in answers:
        assert list(answer["payload"]["all_scores"]) == labels
        assert sum(answer["payload"]["all_scores"].values()) == pytest.approx(1)
        assert answer["metadata"]["model_id"].startswith("llm+")
