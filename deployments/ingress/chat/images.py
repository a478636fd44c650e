"""Inlines a chat request's images as data: URLs, because the engine fetches nothing itself."""

import asyncio
import base64
import io
import warnings

from deployments.ingress.images import decode_base64, fetch_image
from sidecar.core.errors import BadRequest, InvalidImage, TooLarge, UnsupportedImage
from sidecar.core.settings import Settings
from sidecar.llm.schemas import ChatRequest
from sidecar.receipts.pages.decode import sniff

_KINDS = ("jpeg", "png", "webp")


async def inline_images(request: ChatRequest, settings: Settings) -> ChatRequest:
    """Return the request with every image as a data: URL, checked by its header.

    Raises:
        BadRequest: when there are too many images or one is unusable; the subclass says how.
        TooLarge: when an image has too many bytes or pixels.
    """
    urls = request.image_urls
    if not urls:
        return request
    if len(urls) > settings.engine.max_images:
        raise BadRequest(
            f"The request has {len(urls)} images; the limit is {settings.engine.max_images}."
        )
    unique_urls = list(dict.fromkeys(urls))
    images = await asyncio.gather(*(_to_data_url(url, settings) for url in unique_urls))
    return request.with_images(dict(zip(unique_urls, images, strict=True)))


async def _to_data_url(url: str, settings: Settings) -> str:
    if url.startswith("data:"):
        data = await asyncio.to_thread(decode_base64, url, settings.max_image_bytes)
    else:
        data = await fetch_image(url, settings)
    return await asyncio.to_thread(_check, data, settings.max_image_pixels)


def _check(data: bytes, max_pixels: int) -> str:
    """Return the image as a data: URL; reads only its header, as the engine decodes it."""
    # Imported here: most ingress replicas never see an image in a chat.
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise InvalidImage("The image is empty.")
    kind = sniff(data)
    if kind not in _KINDS:
        raise UnsupportedImage(f"Images in a chat must be {', '.join(_KINDS)}.")
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
