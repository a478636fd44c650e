"""The sample receipt in the formats of phones and scanners, and formats that are refused."""

import base64
import io
import uuid
import zipfile
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


def encode(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def photo() -> Image.Image:
    return Image.open(SAMPLE).convert("RGB")


def heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(file, quality=90)
    return file.getvalue()


def png_16_bit() -> bytes:
    gray = np.asarray(photo().convert("L")).astype(np.uint16) * 257
    return encode(Image.fromarray(gray), "PNG")


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Return a PDF of these objects, the first one its catalog, without a cross-reference table."""
    numbered = [b"%d 0 obj\n%b\nendobj\n" % (n, body) for n, body in enumerate(objects, start=1)]
    return b"%PDF-1.4\n" + b"".join(numbered) + b"trailer\n<< /Root 1 0 R " + trailer + b">>\n"


def text_pdf(text: str, trailer: bytes = b"") -> bytes:
    """Return a PDF of one page with a text layer."""
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


def encrypted_pdf() -> bytes:
    """Return a PDF that needs a password."""
    key = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b>" % (b"5a" * 32, b"a5" * 32)
    return text_pdf(PAGE, trailer=b"/Encrypt << " + key + b" >> /ID [<00> <00>] ")


def long_pdf() -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(500):
        document.new_page(200, 200)
    file = io.BytesIO()
    document.save(file)
    document.close()
    return file.getvalue()


def animated_webp() -> bytes:
    frames = [Image.new("RGB", (200, 200), color) for color in ("white", "black")]
    return encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])


READABLE: dict[str, Callable[[], bytes]] = {
    "HEIC": heic,
    "WebP": lambda: encode(photo(), "WEBP", quality=90),
    "TIFF": lambda: encode(photo(), "TIFF"),
    "GIF": lambda: encode(photo(), "GIF"),
    "BMP": lambda: encode(photo(), "BMP"),
    "CMYK": lambda: encode(photo().convert("CMYK"), "JPEG", quality=90),
    "16 bits a pixel": png_16_bit,
    "a PDF with a text layer": lambda: text_pdf(PAGE),
    "a PDF of a scan": lambda: encode(photo(), "PDF", resolution=150),
    "turned by 90°": lambda: encode(photo().transpose(Image.Transpose.ROTATE_90), "JPEG"),
    "turned by 180°": lambda: encode(photo().transpose(Image.Transpose.ROTATE_180), "JPEG"),
    "turned by 270°": lambda: encode(photo().transpose(Image.Transpose.ROTATE_270), "JPEG"),
}


@pytest.mark.parametrize("name", READABLE)
def test_a_receipt_is_read_in_every_supported_format(client: httpx.Client, name: str) -> None:
    response = extract(client, READABLE[name]())
    assert response.status_code == 200, response.text
    extraction = response.json()["extraction"]
    assert extraction["merchant"]["name"] == "GREEN VALLEY MARKET"
    assert extraction["date"]["value"] == "2026-01-17"
    assert extraction["total"]["amount"] == "33.67"
    assert "duplicate_of" not in extraction


def test_two_photographs_of_one_receipt_are_read_as_one(client: httpx.Client) -> None:
    whole = photo()
    half = whole.height // 2
    parts = [
        whole.crop((0, 0, whole.width, half + 150)),
        whole.crop((0, half - 50, whole.width, whole.height)),
    ]
    photos = [base64.b64encode(encode(part, "PNG")).decode() for part in parts]
    tenant = f"photos-{uuid.uuid4().hex}"
    response = httpx.post(
        f"{client.base_url}/api/v1/receipts/extract",
        json={"account_id": tenant, "images_base64": photos},
        timeout=60,
    )
    assert response.status_code == 200, response.text
    extraction = response.json()["extraction"]
    assert extraction["total"]["amount"] == "33.67"
    assert extraction["checks"]["matches_total"] is True
    assert len(extraction["line_items"]) == 8
    headers = {"x-tenant-id": tenant}
    [artifact] = httpx.get(f"{client.base_url}/api/v1/artifacts", headers=headers).json()[
        "artifacts"
    ]
    image = httpx.get(f"{client.base_url}/api/v1/artifacts/{artifact['id']}/image", headers=headers)
    assert image.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(image.content)) as album:
        assert [base64.b64encode(album.read(name)).decode() for name in album.namelist()] == photos


REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "a PDF with a password": (encrypted_pdf, 400, "unreadable_pdf"),
    "a PDF of 500 pages": (long_pdf, 413, "too_large"),
    "a moving picture": (animated_webp, 400, "unsupported_image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_file_gets_its_own_error(client: httpx.Client, name: str) -> None:
    make, status, code = REFUSED[name]
    body = (response := extract(client, make())).json()
    assert (response.status_code, body["code"], body["retryable"]) == (status, code, False)


def test_a_duplicate_receipt_names_the_tenants_first_job(client: httpx.Client) -> None:
    data, tenant, other = text_pdf(PAGE), f"one-{uuid.uuid4().hex}", f"other-{uuid.uuid4().hex}"
    assert "duplicate_of" not in extract(client, data, tenant).json()["extraction"]
    assert "duplicate_of" not in extract(client, data, other).json()["extraction"]
    jobs = httpx.get(f"{client.base_url}/api/v1/jobs", headers={"x-tenant-id": tenant}).json()
    [first] = jobs["jobs"]
    # The second one shows the same purchase in other bytes.
    for duplicate in (data, text_pdf(PAGE.replace("Orchard", "Orchyrd"))):
        extraction = extract(client, duplicate, tenant).json()["extraction"]
        assert extraction["duplicate_of"] == first["id"]


def test_a_missing_engine_is_a_retryable_error(client: httpx.Client) -> None:
    response = extract(client, text_pdf(PAGE), engine="vision")
    body = response.json()
    assert (response.status_code, body["code"], body["retryable"]) == (
        503,
        "model_unavailable",
        True,
    )
    assert "retry-after" in response.headers
