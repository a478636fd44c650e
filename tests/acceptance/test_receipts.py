"""The sample receipt through every door, and what happens to everything that is no receipt."""

import base64
import io
import random
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image, ImageDraw

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service

pytestmark = pytest.mark.both_databases

Until = Callable[..., dict[str, Any]]


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


def is_the_sample(flat: dict[str, Any]) -> None:
    """What a person reads on samples/receipt.jpg."""
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


def test_a_job_reads_the_sample_receipt(client: httpx.Client, sample: str, until: Until) -> None:
    submitted = submit(client, sample)
    assert submitted.status_code == 200
    assert submitted.json()["status"] == "queued"
    seen = set()

    def ended(job: dict[str, Any]) -> bool:
        if job["status"] == "running":
            seen.add(job["progress"])
        return job["status"] == "succeeded"

    job = until(submitted.json()["id"], ended)
    assert len(seen) > 1, "progress is reported while the work goes on"
    is_the_sample(job["output_payload"])
    assert (job["attempt"], job["progress"], job["error_code"]) == (1, 1.0, None)
    assert job["latency_ms"] > 0
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]

    artifact = client.get(f"/api/v1/artifacts/{job['artifact_id']}").json()
    assert artifact["output_payload"] == job["output_payload"]
    image = client.get(f"/api/v1/artifacts/{job['artifact_id']}/image")
    assert image.content == SAMPLE.read_bytes()


def test_a_process_that_has_read_a_receipt_is_kept_for_the_next(
    client: httpx.Client, service: Service, sample: str, until: Until
) -> None:
    readers: set[psutil.Process] = set()

    def ended(job: dict[str, Any]) -> bool:
        readers.update(service.processes("ray::receipt_extraction"))
        return job["status"] == "succeeded"

    for _ in range(2):  # when the second one ends, what was to end after the first has
        until(submit(client, sample).json()["id"], ended)
    assert readers
    assert all(reader.is_running() for reader in readers)


def test_the_envelope_endpoint_reads_the_sample_receipt(client: httpx.Client, sample: str) -> None:
    answer = client.post(
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
    assert answer.status_code == 200
    assert answer.headers.get_list("x-request-id") == ["abc"]
    body = answer.json()
    assert (body["request_id"], body["status"], body["error"]) == ("req_sync", "success", None)
    is_the_sample(body["payload"])
    assert body["model_version"] == body["metadata"]["model_version"]
    assert body["processing_time_ms"] > 0
    artifacts = client.get("/api/v1/artifacts", params={"request_id": "req_sync"}).json()
    assert artifacts["total"] == 1
    assert artifacts["artifacts"][0]["id"] == body["metadata"]["artifact_id"]


def test_the_flat_endpoint_reads_the_sample_receipt(client: httpx.Client, sample: str) -> None:
    answer = client.post(
        "/api/v1/receipts/extract",
        json={
            "version": "1.0",
            "request_id": "req_flat",
            "account_id": "acceptance",
            "image_base64": f"data:image/jpeg;base64,{sample}",
            "options": {"currency": None},
        },
    )
    assert answer.status_code == 200
    body = answer.json()
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
    {"id": "p-loaf", "name": "Loaf"},
    {"id": "p-oil", "name": "Motor oil"},
]


@pytest.mark.parametrize("door", ["extract-receipt", "receipts/extract", "jobs"])
def test_line_items_find_the_caller_s_products_by_words_and_by_meaning(
    client: httpx.Client, sample: str, until: Until, door: str
) -> None:
    payload = {"image_base64": sample, "options": {"catalog": CATALOG}}
    if door == "jobs":
        job = submit(client, sample, payload=payload).json()
        read = until(job["id"])["output_payload"]
    elif door == "extract-receipt":
        read = client.post(f"/api/v1/{door}", json={"payload": payload}).json()["payload"]
    else:
        read = client.post(f"/api/v1/{door}", json=payload).json()["extraction"]
    assert {
        item["parsed_name"]: (item["match"]["id"], item["match"]["strategy"])
        for item in read["line_items"]
        if item.get("match")
    } == {
        "GREEK YOGURT": ("p-yogurt", "exact"),
        "BABY SPINACH 5OZ": ("p-spinach", "normalised"),
        "CHEDDAR CHEESE 8OZ": ("p-cheese", "synonym"),
        "PAPER TOWELS": ("p-paper", "fuzzy"),
        "SOURDOUGH BREAD": ("p-loaf", "semantic"),
    }
    assert read["checks"]["warnings"] == []


def test_the_same_submission_gives_the_same_job(client: httpx.Client, sample: str) -> None:
    first = submit(client, sample, request_id="req_once").json()
    again = submit(client, sample, request_id="req_once").json()
    assert again["id"] == first["id"]
    other = submit(client, base64.b64encode(png(40, 40)).decode(), request_id="req_once")
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_another_tenant_finds_nothing(client: httpx.Client, sample: str, until: Until) -> None:
    job = until(submit(client, sample).json()["id"])
    other = {"x-tenant-id": "somebody-else"}
    for method, path in (
        ("GET", f"/api/v1/jobs/{job['id']}"),
        ("POST", f"/api/v1/jobs/{job['id']}/cancel"),
        ("POST", f"/api/v1/jobs/{job['id']}/retry"),
        ("GET", f"/api/v1/artifacts/{job['artifact_id']}"),
        ("GET", f"/api/v1/artifacts/{job['artifact_id']}/image"),
    ):
        answer = client.request(method, path, headers=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for path in ("/api/v1/jobs", "/api/v1/artifacts"):
        assert client.get(path, headers=other).json()["total"] == 0


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it is so large, with whatever data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = data or zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


#: What is sent, the status of the synchronous answer, its code, and whether the queue takes it.
BAD = {
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


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_gets_its_own_error_and_harms_nothing(
    client: httpx.Client, until: Until, name: str
) -> None:
    data, status, code, queued = BAD[name]
    image = base64.b64encode(data).decode()
    answer = client.post(
        "/api/v1/extract-receipt",
        json={"tenant_id": "acceptance", "payload": {"image_base64": image}},
    )
    body = answer.json()
    assert (answer.status_code, body["code"], body["retryable"]) == (status, code, False)
    submitted = submit(client, image)
    if queued:
        job = until(submitted.json()["id"])
        assert (job["status"], job["error_code"], job["attempt"]) == ("failed", code, 1)
        assert (job["retryable"], job["output_payload"]) == (False, None)
    else:
        assert (submitted.status_code, submitted.json()["code"]) == (status, code)
    assert client.get("/health/ready").json()["status"] == "ok"


def scene() -> Image.Image:
    """A house on a hill under the sun: shapes and edges, and no letter."""
    picture = Image.new("RGB", (900, 700), "skyblue")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((-300, 420, 1200, 1500), fill="forestgreen")
    draw.ellipse((700, 60, 820, 180), fill="gold")
    draw.rectangle((330, 300, 560, 520), fill="firebrick")
    draw.polygon([(300, 300), (445, 180), (590, 300)], fill="saddlebrown")
    draw.rectangle((410, 400, 480, 520), fill="black")
    return picture


#: Photos of anything but a receipt.
NO_RECEIPTS = {
    "blank": lambda: Image.new("RGB", (400, 600), "white"),
    "noise": lambda: Image.frombytes("RGB", (500, 400), random.Random(7).randbytes(600_000)),
    "a scene": scene,
}


@pytest.mark.parametrize("name", NO_RECEIPTS)
def test_a_picture_without_a_receipt_is_one_with_nothing_on_it(
    client: httpx.Client, name: str
) -> None:
    file = io.BytesIO()
    NO_RECEIPTS[name]().save(file, "PNG")
    answer = client.post(
        "/api/v1/extract-receipt",
        json={
            "tenant_id": "acceptance",
            "payload": {"image_base64": base64.b64encode(file.getvalue()).decode()},
        },
    )
    assert answer.status_code == 200
    payload = answer.json()["payload"]
    assert (payload["merchant"], payload["total"], payload["items"]) == (None, None, [])
    assert payload["checks"]["warnings"]


def test_bodies_that_are_no_requests_get_their_own_errors(client: httpx.Client) -> None:
    json_type = {"content-type": "application/json"}
    for content, status, code in (
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"{}", 422, "validation_error"),
        (b'{"payload": {"image_base64": "' + b"A" * 60_000_000 + b'"}}', 413, "too_large"),
    ):
        answer = client.post("/api/v1/extract-receipt", content=content, headers=json_type)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/nothing").json()["code"] == "not_found"
    assert client.delete("/api/v1/jobs").json()["code"] == "method_not_allowed"
    assert client.get("/health/ready").json()["status"] == "ok"


def test_the_log_tells_of_requests_and_never_of_what_was_in_them(
    client: httpx.Client, service: Service, sample: str
) -> None:
    client.post(
        "/api/v1/extract-receipt",
        json={"tenant_id": "log-reader", "payload": {"image_base64": sample}},
        headers={"x-tenant-id": "log-reader", "x-request-id": "find-me"},
    )
    deadline = time.monotonic() + 10  # Ray passes the replicas' output on now and then
    while '"request_id": "find-me", "method"' not in (text := service.log.read_text()):
        assert time.monotonic() < deadline, text[-3000:]
        time.sleep(0.1)
    assert '"tenant_id": "log-reader"' in text
    assert sample[:200] not in text
