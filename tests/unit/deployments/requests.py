"""Request bodies of the ingress tests, and the check of an error response."""

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image

from deployments.stub.receipt import canned_receipt
from sidecar.receipts.models import Merchant

JPEG_BYTES = b"\xff\xd8\xff\xe0\x00\x10JFIF and so on"
JPEG = base64.b64encode(JPEG_BYTES).decode()
TENANT = {"x-tenant-id": "t1"}


def submission(**changes: Any) -> dict[str, Any]:
    """Return the body of a receipt job's submission."""
    return {
        "tenant_id": "t1",
        "feature": "receipt_extraction",
        "payload": {"image_base64": JPEG},
        **changes,
    }


def reading(merchant: str, *names: tuple[str, str]) -> dict[str, Any]:
    """Return a receipt's result with lines of these raw texts and names."""
    extraction = canned_receipt()
    line = extraction.line_items[0]
    lines = [line.model_copy(update={"raw_text": raw, "parsed_name": name}) for raw, name in names]
    changes = {"merchant": Merchant(name=merchant, confidence=0.9), "line_items": tuple(lines)}
    flat: dict[str, Any] = json.loads(json.dumps(extraction.model_copy(update=changes).flat()))
    return flat


@contextmanager
def off_the_loop() -> Iterator[None]:
    """Check that most of the CPU time within is not that of the event loop's thread."""
    loop, process = time.thread_time(), time.process_time()
    yield
    assert time.thread_time() - loop < (time.process_time() - process) / 3


SUBMISSION = submission(user_id=None, request_id="r1")


def png(width: int = 8, height: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "png")
    return file.getvalue()


def image_messages(*urls: str) -> list[dict[str, Any]]:
    """Return a chat message that asks about the images."""
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "?"}, *parts]}]


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def expect_error(response: httpx.Response, status: int, code: str, *words: str) -> None:
    """Check that an error has the API's shape, the status, the code and words of its message."""
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["status"] == "error"
    assert body["payload"] == {}
    assert body["error"] == body["detail"]
    assert body["retryable"] == (status in (429, 500, 503, 504))
    assert body["request_id"]
    assert response.headers["x-request-id"]
    assert ("retry-after" in response.headers) == (status in (429, 503))
    for word in words:
        assert word in body["error"]
