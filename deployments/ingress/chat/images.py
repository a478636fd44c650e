"""The images of a chat request, all of them as data: the engine never fetches anything."""

import asyncio
import base64
import io
import warnings

from deployments.ingress.images import decode_base64
from sidecar.core.errors import BadRequest, InvalidImage, TooLarge, UnsupportedImage
from sidecar.core.settings import Settings
from sidecar.core.ssrf import fetch
from sidecar.llm.schemas import ChatRequest
from sidecar.receipts.pages.decode import sniff

_KINDS = ("jpeg", "png", "webp")


async def inline_images(request: ChatRequest, settings: Settings) -> ChatRequest:
    """The request with every image as a data: URL, checked by its header.

    Raises BadRequest and its kinds, and TooLarge.
    """
    urls = request.image_urls
    if not urls:
        return request
    if len(urls) > settings.engine.max_images:
        raise BadRequest(
            f"The request has {len(urls)} images; the limit is {settings.engine.max_images}."
        )
    distinct = list(dict.fromkeys(urls))
    images = await asyncio.gather(*(_as_data(url, settings) for url in distinct))
    return request.with_images(dict(zip(distinct, images, strict=True)))


async def _as_data(url: str, settings: Settings) -> str:
    if url.startswith("data:"):
        data = await asyncio.to_thread(decode_base64, url, settings.max_image_bytes)
    else:
        data = await fetch(
            url,
            max_bytes=settings.max_image_bytes,
            timeout_s=settings.url_timeout_s,
            allowed_networks=settings.ssrf_allowed_networks,
        )
    return await asyncio.to_thread(_checked, data, settings.max_image_pixels)


def _checked(data: bytes, max_pixels: int) -> str:
    """The image as a data: URL. Only its header is read; the engine decodes it."""
    # Imported where it is used: most ingress replicas see no image in a chat.
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise InvalidImage("The image is empty.")
    kind = sniff(data)
    if kind not in _KINDS:
        raise UnsupportedImage(f"Images in a chat are {', '.join(_KINDS)}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidImage from error
    except Image.DecompressionBombError as error:
        raise TooLarge(f"The image is over the limit of {max_pixels} pixels.") from error
    if width * height > max_pixels:
        raise TooLarge(f"The image has {width * height} pixels; the limit is {max_pixels}.")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
