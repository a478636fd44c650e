"""A chat's images reach the engine as checked data: URLs, or are refused."""

import base64

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.ingress.chat.images import inline_images
from sidecar.core.errors import BadRequest, TooLarge
from sidecar.core.settings import Settings
from sidecar.llm.schemas import ChatRequest
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import TENANT, data_url, image_messages, png

#: File signatures of a chat's image formats, so that the bytes after them are parsed.
MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff\xe0",
    b"\xff\xd8\xff\xc0\0\x11\x08",
    b"RIFF\x20\0\0\0WEBPVP8 ",
    b"RIFF\x20\0\0\0WEBPVP8L",
    b"RIFF\x20\0\0\0WEBPVP8X",
)


async def chat(ingress: IngressClient, *urls: str) -> httpx.Response:
    body = {"model": "echo", "messages": image_messages(*urls)}
    return await ingress.http.post("/v1/chat/completions", json=body, headers=TENANT)


async def test_the_engine_receives_images_as_data_urls(ingress: IngressClient) -> None:
    image = png()
    assert (await chat(ingress, data_url(image))).status_code == 200
    [url] = ingress.engine.requests[0].image_urls
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == image


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/receipt.png", "blocked_url"),
        ("http://169.254.169.254/latest/meta-data", "blocked_url"),
        ("file:///etc/passwd", "blocked_url"),
        ("data:image/png;base64,!!!", "invalid_image"),
        ("data:image/png;base64,", "invalid_image"),
        (data_url(b"GIF89a"), "unsupported_image"),
        (data_url(png()[:20]), "invalid_image"),
    ],
)
async def test_an_unusable_image_is_refused(ingress: IngressClient, url: str, code: str) -> None:
    response = await chat(ingress, url)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert not ingress.engine.requests


async def test_pixels_and_number_of_images_are_limited(ingress: IngressClient) -> None:
    large = await chat(ingress, data_url(png(30_000, 2_000)))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
    many = await chat(ingress, *[data_url(png())] * 5)
    assert many.status_code == 400
    assert "5" in many.json()["error"]["message"]
    assert "4" in many.json()["error"]["message"]


@given(st.sampled_from(MAGIC), st.binary(max_size=200))
async def test_any_bytes_are_inlined_or_refused(magic: bytes, rest: bytes) -> None:
    url = "data:image/png;base64," + base64.b64encode(magic + rest).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    request = ChatRequest.model_validate({"messages": [{"role": "user", "content": [part]}]})
    try:
        checked = await inline_images(request, Settings())
    except (BadRequest, TooLarge):
        return
    [image] = checked.image_urls
    assert base64.b64decode(image.partition(",")[2]) == magic + rest
