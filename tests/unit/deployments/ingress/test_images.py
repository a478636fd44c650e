"""Whatever is sent as an image is bytes, or is refused for what it is."""

import base64
import string

from hypothesis import given
from hypothesis import strategies as st

from deployments.ingress.chat.images import inline_images
from deployments.ingress.images import decode_base64
from sidecar.core.errors import BadRequest, TooLarge
from sidecar.core.settings import Settings
from sidecar.llm.schemas import ChatRequest

LIMIT = 1_000

#: The first bytes of what a chat takes, so that what follows them is parsed.
MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff\xe0",
    b"\xff\xd8\xff\xc0\0\x11\x08",
    b"RIFF\x20\0\0\0WEBPVP8 ",
    b"RIFF\x20\0\0\0WEBPVP8L",
    b"RIFF\x20\0\0\0WEBPVP8X",
)


@given(st.binary(max_size=LIMIT), st.sampled_from(["", "data:image/png;base64,", "data:,"]))
def test_base64_gives_back_the_bytes_with_and_without_a_data_url(data: bytes, prefix: str) -> None:
    assert decode_base64(prefix + base64.b64encode(data).decode(), LIMIT) == data
    assert decode_base64(prefix + base64.encodebytes(data).decode(), LIMIT) == data


@given(
    st.sampled_from(["", "data:", "data:image/png;base64,"]),
    st.text() | st.text(string.ascii_letters + string.digits + "+/= ,\n", max_size=2 * LIMIT),
)
def test_any_text_is_bytes_or_is_refused(prefix: str, text: str) -> None:
    try:
        data = decode_base64(prefix + text, LIMIT)
    except (BadRequest, TooLarge):
        return
    assert len(data) <= LIMIT + 1024 + 3


@given(st.sampled_from(MAGIC), st.binary(max_size=200))
async def test_any_bytes_are_an_image_of_a_chat_or_are_refused(magic: bytes, rest: bytes) -> None:
    url = "data:image/png;base64," + base64.b64encode(magic + rest).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    request = ChatRequest.model_validate({"messages": [{"role": "user", "content": [part]}]})
    try:
        checked = await inline_images(request, Settings())
    except (BadRequest, TooLarge):
        return
    [image] = checked.image_urls
    assert base64.b64decode(image.partition(",")[2]) == magic + rest
