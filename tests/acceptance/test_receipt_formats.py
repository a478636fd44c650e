"""The sample receipt in whatever a phone or a scanner makes, and what is refused."""

import base64
import io
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pillow_heif
import pypdfium2
import pytest
from PIL import Image

from tests.acceptance.conftest import SAMPLE

PAGE = """GREEN VALLEY MARKET
214 Orchard Street, Portland OR 97205
01/17/2026  14:32
ORGANIC WHOLE MILK 1GL     33.15 F
SUBTOTAL                   33.15
TAX                         0.52
TOTAL                    $ 33.67"""


def extract(client: httpx.Client, data: bytes, tenant: str = "", **options: object) -> Any:
    body = {
        "account_id": tenant or f"formats-{uuid.uuid4().hex}",
        "image_base64": base64.b64encode(data).decode(),
        "options": options,
    }
    # The client's own tenant would contradict the body's.
    return httpx.post(f"{client.base_url}/api/v1/receipts/extract", json=body, timeout=60)


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def photo() -> Image.Image:
    return Image.open(SAMPLE).convert("RGB")


def heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(file, quality=90)
    return file.getvalue()


def deep() -> bytes:
    grey = np.asarray(photo().convert("L")).astype(np.uint16) * 257
    return saved(Image.fromarray(grey), "PNG")


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first one its catalog; readers find them without a table."""
    numbered = [b"%d 0 obj\n%b\nendobj\n" % (n, body) for n, body in enumerate(objects, start=1)]
    return b"%PDF-1.4\n" + b"".join(numbered) + b"trailer\n<< /Root 1 0 R " + trailer + b">>\n"


def typed(text: str, trailer: bytes = b"") -> bytes:
    """A page with a text layer."""
    lines = b"".join(b"(%b) Tj T*\n" % line.encode() for line in text.splitlines())
    content = b"BT /F 12 Tf 15 TL 40 740 Td\n" + lines + b"ET"
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 800] /Contents 4 0 R"
        b" /Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        trailer=trailer,
    )


def locked() -> bytes:
    """A PDF that opens with a password alone."""
    key = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b>" % (b"5a" * 32, b"a5" * 32)
    return typed(PAGE, trailer=b"/Encrypt << " + key + b" >> /ID [<00> <00>] ")


def long_pdf() -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(500):
        document.new_page(200, 200)
    file = io.BytesIO()
    document.save(file)
    document.close()
    return file.getvalue()


def animated() -> bytes:
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("white", "black")]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])


READABLE: dict[str, Callable[[], bytes]] = {
    "HEIC": heic,
    "WebP": lambda: saved(photo(), "WEBP", quality=90),
    "TIFF": lambda: saved(photo(), "TIFF"),
    "CMYK": lambda: saved(photo().convert("CMYK"), "JPEG", quality=90),
    "16 bits a pixel": deep,
    "a PDF with a text layer": lambda: typed(PAGE),
    "a PDF of a scan": lambda: saved(photo(), "PDF", resolution=150),
    "turned by 90°": lambda: saved(photo().transpose(Image.Transpose.ROTATE_90), "JPEG"),
    "turned by 180°": lambda: saved(photo().transpose(Image.Transpose.ROTATE_180), "JPEG"),
    "turned by 270°": lambda: saved(photo().transpose(Image.Transpose.ROTATE_270), "JPEG"),
}


@pytest.mark.parametrize("name", READABLE)
def test_a_receipt_is_read_whatever_it_comes_in(client: httpx.Client, name: str) -> None:
    answer = extract(client, READABLE[name]())
    assert answer.status_code == 200, answer.text
    extraction = answer.json()["extraction"]
    assert extraction["merchant"]["name"] == "GREEN VALLEY MARKET"
    assert extraction["date"]["value"] == "2026-01-17"
    assert extraction["total"]["amount"] == "33.67"
    assert "duplicate_of" not in extraction


REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "a PDF with a password": (locked, 400, "unreadable_pdf"),
    "a PDF of 500 pages": (long_pdf, 413, "too_large"),
    "a moving picture": (animated, 400, "unsupported_image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_read_says_why(client: httpx.Client, name: str) -> None:
    make, status, code = REFUSED[name]
    body = (answer := extract(client, make())).json()
    assert (answer.status_code, body["code"], body["retryable"]) == (status, code, False)


def test_the_same_receipt_again_names_the_first_job_of_its_tenant(client: httpx.Client) -> None:
    data, ours, theirs = typed(PAGE), f"ours-{uuid.uuid4().hex}", f"theirs-{uuid.uuid4().hex}"
    assert "duplicate_of" not in extract(client, data, ours).json()["extraction"]
    assert "duplicate_of" not in extract(client, data, theirs).json()["extraction"]
    jobs = httpx.get(f"{client.base_url}/api/v1/jobs", headers={"x-tenant-id": ours}).json()
    [first] = jobs["jobs"]
    # The same purchase in other bytes is the same receipt.
    for again in (data, typed(PAGE.replace("Orchard", "Orchyrd"))):
        assert extract(client, again, ours).json()["extraction"]["duplicate_of"] == first["id"]


def test_an_engine_that_is_not_served_is_said_to_be_missing(client: httpx.Client) -> None:
    answer = extract(client, typed(PAGE), engine="vision")
    body = answer.json()
    assert (answer.status_code, body["code"], body["retryable"]) == (503, "model_unavailable", True)
    assert "retry-after" in answer.headers
