"""Images in requests to a vision-language model of random weights, whose texts are random; beside
it, a model that transcribes receipts, always with the same text.
"""

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
HANGUL = Path(__file__).parents[1] / "unit/sidecar/receipts/pictures/hangul.png"
# The name makes it one of the family of PaddleOCR-VL.
TRANSCRIBER = "paddleocr-vl-toy"
TRANSCRIPT = "CORNER SHOP<br>TOTAL 12.50"


@pytest.fixture(scope="module")
def vision_client(
    tmp_path_factory: pytest.TempPathFactory, engine: Service
) -> Iterator[httpx.Client]:
    """A client of a service with both models; their tokenizer is the engine's."""
    from sidecar.core.settings import Settings
    from sidecar.llm.model import resolve_model

    folder = tmp_path_factory.mktemp("vision")
    tokenizer = Path(resolve_model(Settings(data_dir=engine.data_dir)).path)
    tiny_vlm.make(tokenizer, folder / "tiny-vlm")
    tiny_vlm.make(tokenizer, folder / TRANSCRIBER, writes=TRANSCRIPT)
    settings = {
        "engine": {
            "mode": "auto",
            "model": str(folder / "tiny-vlm"),
            "vision": True,
            "max_tokens": 200,  # random weights seldom end a text
            "vision_model": str(folder / TRANSCRIBER),
            "vision_arguments": {"max_model_len": 2048},
        },
        "receipt": {"max_attempts": 1},
        "classifier": {"backend": "llm"},
        "ssrf_allowed_networks": ["127.0.0.1/32"],
    }
    with running(folder, settings=settings) as service:
        wait_for_engine(service)
        wait_for_engine(service, part="vision_engine")
        with httpx.Client(
            base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
        ) as client:
            yield client


def chat(client: httpx.Client, *urls: str, **fields: Any) -> httpx.Response:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is this?"}, *images]
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 20, **fields}
    return client.post("/v1/chat/completions", json=body)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (shade, 0, 0)).save(file, "png")
    return file.getvalue()


def test_an_image_is_part_of_the_prompt(vision_client: httpx.Client) -> None:
    urls = [f"data:image/png;base64,{base64.b64encode(png(n)).decode()}" for n in (0, 250)]
    counts = []
    for images in ([], urls[:1], urls):
        response = chat(vision_client, *images)
        assert response.status_code == 200, response.text
        counts.append(response.json()["usage"]["prompt_tokens"])
    assert counts[0] < counts[1] < counts[2]


def test_an_image_by_url_is_fetched_by_the_service(vision_client: httpx.Client) -> None:
    requests = []

    class ImageServer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, self.headers["user-agent"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png(9))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), ImageServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        response = chat(vision_client, f"http://127.0.0.1:{server.server_port}/x.png")
        server.shutdown()
    assert response.status_code == 200, response.text
    [(path, agent)] = requests
    assert path == "/x.png"
    assert "httpx" in agent
    refused = chat(vision_client, "http://169.254.169.254/latest/meta-data")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "blocked_url")


def test_a_response_about_an_image_follows_its_schema(vision_client: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"fresh": {"type": "boolean"}},
        "required": ["fresh"],
        "additionalProperties": False,
    }
    url = f"data:image/png;base64,{base64.b64encode(png(1)).decode()}"
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    # Random weights may write blanks until the token limit.
    choices = (
        chat(vision_client, url, response_format=format_, max_tokens=200, seed=seed).json()[
            "choices"
        ][0]
        for seed in range(12)
    )
    choice = next(choice for choice in choices if choice["finish_reason"] == "stop")
    assert isinstance(json.loads(choice["message"]["content"])["fresh"], bool)


def read(client: httpx.Client, image: Path, engine: str) -> tuple[dict[str, Any], str]:
    """Return the receipt that is read, and the models that read it."""
    encoded = base64.b64encode(image.read_bytes()).decode()
    payload = {"image_base64": encoded, "options": {"engine": engine}}
    response = client.post("/api/v1/extract-receipt", json={"payload": payload})
    assert response.status_code == 200, response.text
    body = response.json()
    return body["payload"], body["metadata"]["model_id"]


def test_readiness_names_both_engines_and_chat_has_one(vision_client: httpx.Client) -> None:
    checks = vision_client.get("/health/ready").json()["checks"]
    assert checks["engine"]["status"] == checks["vision_engine"]["status"] == "ok"
    assert TRANSCRIBER in checks["hardware"]["detail"]
    models = {model["id"] for model in vision_client.get("/v1/models").json()["data"]}
    assert "tiny-vlm" in models
    assert TRANSCRIBER not in models


def test_a_receipt_names_the_source_of_each_field(vision_client: httpx.Client) -> None:
    receipt, models = read(vision_client, SAMPLE, "auto")
    assert receipt["sources"] == dict.fromkeys(FIELDS, "ocr")
    assert receipt["total"] == 33.67
    assert TRANSCRIBER not in models
    receipt, models = read(vision_client, SAMPLE, "vision")
    assert receipt["sources"].keys() == FIELDS
    assert (receipt["merchant"], receipt["sources"]["merchant"]) == ("CORNER SHOP", "vision")
    assert (receipt["date"], receipt["sources"]["date"]) == ("2026-01-17", "ocr")
    assert TRANSCRIBER in models


def test_a_script_that_ocr_lacks_goes_to_the_vision_model(vision_client: httpx.Client) -> None:
    receipt, models = read(vision_client, HANGUL, "auto")
    assert (receipt["merchant"], receipt["total"]) == ("CORNER SHOP", 12.5)
    assert receipt["raw_ocr_text"].split("\n") == ["CORNER SHOP", "TOTAL 12.50"]
    assert TRANSCRIBER in models


def test_the_model_categorizes_into_the_given_labels_alone(vision_client: httpx.Client) -> None:
    labels = ["Dairy & Eggs", "Bäckerei", 'Mom\'s "own"']
    payload = {"item_name": "whole milk", "candidate_labels": labels}
    for _ in range(2):
        body = vision_client.post("/api/v1/categorize", json={"payload": payload}).json()
        assert list(body["payload"]["all_scores"]) == labels
        assert sum(body["payload"]["all_scores"].values()) == pytest.approx(1)
        assert body["metadata"]["model_id"].startswith("llm+")
