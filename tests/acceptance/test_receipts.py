"""The sample receipt through every endpoint, and inputs that are no receipts."""

import base64
import io
import random
import struct
import time
import zlib
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image, ImageDraw

from tests.acceptance.conftest import SAMPLE, WaitForJob
from tests.acceptance.service import Service

pytestmark = pytest.mark.both_databases


def submit(client: httpx.Client, image: str, **more: Any) -> httpx.Response:
    return client.post(
        "/api/v1/jobs",
        json={
            "tenant_id": "acceptance",
            "user_id": None,
            "feature": "receipt_extraction",
            "payload": {"image_base64": image},
            **more,
        },
    )


def assert_is_sample(flat: dict[str, Any]) -> None:
    """Assert that the extraction has what a person reads on samples/receipt.jpg."""
    assert (flat["merchant"], flat["date"]) == ("GREEN VALLEY MARKET", "2026-01-17")
    assert flat["time"] == "14:32"
    assert (flat["total"], flat["currency"]) == (33.67, "USD")
    assert flat["fields"]["subtotal"]["amount"] == "33.15"
    assert flat["fields"]["tax"]["amount"] == "0.52"
    assert [
        (item["name"], item["quantity"], item["unit"], item["total_price"]["amount"])
        for item in flat["items"]
    ] == [
        ("ORGANIC WHOLE MILK 1GL", 1, None, "5.49"),
        ("SOURDOUGH BREAD", 1, None, "4.25"),
        ("BANANAS", 2.36, "lb", "1.39"),
        ("LARGE EGGS 12CT", 1, None, "3.99"),
        ("GREEK YOGURT", 3, None, "3.75"),
        ("BABY SPINACH 5OZ", 1, None, "2.99"),
        ("CHEDDAR CHEESE 8OZ", 1, None, "4.79"),
        ("PAPER TOWELS", 1, None, "6.50"),
    ]
    yogurt = flat["items"][4]
    assert (yogurt["price"], yogurt["unit_price"]["amount"]) == (1.25, "1.25")
    assert (flat["checks"]["items_sum"], flat["checks"]["matches_total"]) == ("33.15", True)


def test_a_job_reads_the_sample_receipt(
    client: httpx.Client, sample: str, wait_for_job: WaitForJob
) -> None:
    submitted = submit(client, sample)
    assert submitted.status_code == 200
    assert submitted.json()["status"] == "queued"
    progress = set()

    def has_succeeded(job: dict[str, Any]) -> bool:
        if job["status"] == "running":
            progress.add(job["progress"])
        return job["status"] == "succeeded"

    job = wait_for_job(submitted.json()["id"], has_succeeded)
    assert len(progress) > 1, "progress is reported while the job runs"
    assert_is_sample(job["output_payload"])
    assert (job["attempt"], job["progress"], job["error_code"]) == (1, 1.0, None)
    assert job["latency_ms"] > 0
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]

    artifact = client.get(f"/api/v1/artifacts/{job['artifact_id']}").json()
    assert artifact["output_payload"] == job["output_payload"]
    image = client.get(f"/api/v1/artifacts/{job['artifact_id']}/image")
    assert image.content == SAMPLE.read_bytes()


def test_a_worker_process_is_reused_for_the_next_receipt(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
) -> None:
    workers: set[psutil.Process] = set()

    def has_succeeded(job: dict[str, Any]) -> bool:
        workers.update(service.processes("ray::receipt_extraction"))
        return job["status"] == "succeeded"

    for _ in range(2):  # a process that ends after the first receipt is gone after the second
        wait_for_job(submit(client, sample).json()["id"], has_succeeded)
    assert workers
    assert all(worker.is_running() for worker in workers)


def test_the_envelope_endpoint_reads_the_sample_receipt(client: httpx.Client, sample: str) -> None:
    response = client.post(
        "/api/v1/extract-receipt",
        json={
            "request_id": "req_sync",
            "tenant_id": "acceptance",
            "user_id": "u1",
            "feature": "receipt_extraction",
            "payload": {"image_base64": sample},
            "metadata": {"source": "test"},
        },
        headers={"x-request-id": "abc"},
    )
    assert response.status_code == 200
    assert response.headers.get_list("x-request-id") == ["abc"]
    body = response.json()
    assert (body["request_id"], body["status"], body["error"]) == ("req_sync", "success", None)
    assert_is_sample(body["payload"])
    assert body["model_version"] == body["metadata"]["model_version"]
    assert isinstance(body["processing_time_ms"], int)
    assert body["processing_time_ms"] > 0
    artifacts = client.get("/api/v1/artifacts", params={"request_id": "req_sync"}).json()
    assert artifacts["total"] == 1
    assert artifacts["artifacts"][0]["id"] == body["metadata"]["artifact_id"]


def test_the_flat_endpoint_reads_the_sample_receipt(client: httpx.Client, sample: str) -> None:
    response = client.post(
        "/api/v1/receipts/extract",
        json={
            "version": "1.0",
            "request_id": "req_flat",
            "account_id": "acceptance",
            "image_base64": f"data:image/jpeg;base64,{sample}",
            "options": {"currency": None},
        },
    )
    assert response.status_code == 200
    body = response.json()
    assert (body["version"], body["request_id"], body["status"]) == ("1.0", "req_flat", "success")
    extraction = body["extraction"]
    assert extraction["merchant"]["name"] == "GREEN VALLEY MARKET"
    assert extraction["date"]["value"] == "2026-01-17"
    assert extraction["total"]["amount"] == "33.67"
    assert 0 < extraction["total"]["confidence"] <= 1
    assert len(extraction["line_items"]) == 8
    assert "items" not in extraction


CATALOG = [
    {"id": "p-yogurt", "name": "Greek Yogurt"},
    {"id": "p-spinach", "name": "Spinach, baby"},
    {"id": "p-cheese", "name": "Hard cheese", "synonyms": ["Cheddar cheese"]},
    {"id": "p-paper", "name": "Paper towells"},
    {"id": "p-loaf", "name": "Bread loaf"},
    {"id": "p-oil", "name": "Motor oil"},
]


@pytest.mark.parametrize("endpoint", ["extract-receipt", "receipts/extract", "jobs"])
def test_line_items_match_the_catalog_by_words_and_by_meaning(
    client: httpx.Client, sample: str, wait_for_job: WaitForJob, endpoint: str
) -> None:
    payload = {"image_base64": sample, "options": {"catalog": CATALOG}}
    if endpoint == "jobs":
        job = submit(client, sample, payload=payload).json()
        extraction = wait_for_job(job["id"])["output_payload"]
    elif endpoint == "extract-receipt":
        extraction = client.post(f"/api/v1/{endpoint}", json={"payload": payload}).json()["payload"]
    else:
        extraction = client.post(f"/api/v1/{endpoint}", json=payload).json()["extraction"]
    assert {
        item["parsed_name"]: (item["match"]["id"], item["match"]["strategy"])
        for item in extraction["line_items"]
        if item.get("match")
    } == {
        "GREEK YOGURT": ("p-yogurt", "exact"),
        "BABY SPINACH 5OZ": ("p-spinach", "normalised"),
        "CHEDDAR CHEESE 8OZ": ("p-cheese", "synonym"),
        "PAPER TOWELS": ("p-paper", "fuzzy"),
        "SOURDOUGH BREAD": ("p-loaf", "semantic"),
    }
    assert extraction["checks"]["warnings"] == []


def test_a_repeated_submission_returns_the_same_job(client: httpx.Client, sample: str) -> None:
    first = submit(client, sample, request_id="req_once").json()
    again = submit(client, sample, request_id="req_once").json()
    assert again["id"] == first["id"]
    other = submit(client, base64.b64encode(png(40, 40)).decode(), request_id="req_once")
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_another_tenant_gets_404(
    client: httpx.Client, sample: str, wait_for_job: WaitForJob
) -> None:
    job = wait_for_job(submit(client, sample).json()["id"])
    other = {"x-tenant-id": "somebody-else"}
    for method, path in (
        ("GET", f"/api/v1/jobs/{job['id']}"),
        ("POST", f"/api/v1/jobs/{job['id']}/cancel"),
        ("POST", f"/api/v1/jobs/{job['id']}/retry"),
        ("GET", f"/api/v1/artifacts/{job['artifact_id']}"),
        ("GET", f"/api/v1/artifacts/{job['artifact_id']}/image"),
    ):
        response = client.request(method, path, headers=other)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    for path in ("/api/v1/jobs", "/api/v1/artifacts"):
        assert client.get(path, headers=other).json()["total"] == 0


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG whose header says this size, with any image data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = data or zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


#: The data, the synchronous response's status and code, and whether the queue accepts it.
INVALID = {
    "an empty image": (b"", 400, "invalid_image", False),
    "garbage": (bytes(range(256)) * 40, 400, "unsupported_image", False),
    "a text file called receipt.jpg": (b"milk 1.99\nbread 2.49\n", 400, "unsupported_image", False),
    "a truncated JPEG": (SAMPLE.read_bytes()[:1500], 400, "invalid_image", True),
    "a JPEG's first bytes": (b"\xff\xd8\xff\xe0", 400, "invalid_image", True),
    "a picture of 1 x 50 000 000 pixels": (png(1, 50_000_001), 413, "too_large", True),
    "a picture of 50 000 x 50 000 pixels": (png(50_000, 50_000), 413, "too_large", True),
    "a picture without pixels": (png(0, 0), 400, "invalid_image", True),
    "a PNG with broken data": (png(100, 100, b"not zlib"), 400, "invalid_image", True),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_image_gets_its_own_error_and_breaks_nothing(
    client: httpx.Client, wait_for_job: WaitForJob, name: str
) -> None:
    data, status, code, queued = INVALID[name]
    image = base64.b64encode(data).decode()
    response = client.post(
        "/api/v1/extract-receipt",
        json={"tenant_id": "acceptance", "payload": {"image_base64": image}},
    )
    body = response.json()
    assert (response.status_code, body["code"], body["retryable"]) == (status, code, False)
    submitted = submit(client, image)
    if queued:
        job = wait_for_job(submitted.json()["id"])
        assert (job["status"], job["error_code"], job["attempt"]) == ("failed", code, 1)
        assert (job["retryable"], job["output_payload"]) == (False, None)
    else:
        assert (submitted.status_code, submitted.json()["code"]) == (status, code)
    ready = client.get("/health/ready").json()
    assert ready["status"] == "ok", ready["checks"]


def scene() -> Image.Image:
    """Return a house on a hill under the sun: shapes and edges without any letters."""
    image = Image.new("RGB", (900, 700), "skyblue")
    draw = ImageDraw.Draw(image)
    draw.ellipse((-300, 420, 1200, 1500), fill="forestgreen")
    draw.ellipse((700, 60, 820, 180), fill="gold")
    draw.rectangle((330, 300, 560, 520), fill="firebrick")
    draw.polygon([(300, 300), (445, 180), (590, 300)], fill="saddlebrown")
    draw.rectangle((410, 400, 480, 520), fill="black")
    return image


NO_RECEIPTS = {
    "blank": lambda: Image.new("RGB", (400, 600), "white"),
    "noise": lambda: Image.frombytes("RGB", (500, 400), random.Random(7).randbytes(600_000)),
    "a scene": scene,
}


@pytest.mark.parametrize("name", NO_RECEIPTS)
def test_an_image_without_a_receipt_gives_an_empty_extraction(
    client: httpx.Client, name: str
) -> None:
    file = io.BytesIO()
    NO_RECEIPTS[name]().save(file, "PNG")
    response = client.post(
        "/api/v1/extract-receipt",
        json={
            "tenant_id": "acceptance",
            "payload": {"image_base64": base64.b64encode(file.getvalue()).decode()},
        },
    )
    assert response.status_code == 200
    payload = response.json()["payload"]
    assert (payload["merchant"], payload["total"], payload["items"]) == (None, None, [])
    assert payload["checks"]["warnings"]


def test_malformed_bodies_get_their_own_errors(client: httpx.Client) -> None:
    json_type = {"content-type": "application/json"}
    for content, status, code in (
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"{}", 422, "validation_error"),
        (b'{"payload": {"image_base64": "' + b"A" * 60_000_000 + b'"}}', 413, "too_large"),
    ):
        response = client.post("/api/v1/extract-receipt", content=content, headers=json_type)
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert client.get("/nothing").json()["code"] == "not_found"
    assert client.delete("/api/v1/jobs").json()["code"] == "method_not_allowed"
    ready = client.get("/health/ready").json()
    assert ready["status"] == "ok", ready["checks"]


def test_requests_are_logged_without_their_content(
    client: httpx.Client, service: Service, sample: str
) -> None:
    client.post(
        "/api/v1/extract-receipt",
        json={"tenant_id": "log-reader", "payload": {"image_base64": sample}},
        headers={"x-tenant-id": "log-reader", "x-request-id": "find-me"},
    )
    deadline = time.monotonic() + 10  # Ray forwards the replicas' output periodically
    while '"request_id": "find-me", "method"' not in (text := service.log.read_text()):
        assert time.monotonic() < deadline, text[-3000:]
        time.sleep(0.1)
    assert '"tenant_id": "log-reader"' in text
    assert sample[:200] not in text
