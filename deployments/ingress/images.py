"""From an image in a request to a durable blob. Nothing is decoded here: a look at the first bytes
tells what the file claims to be, and the worker process finds out whether it is.
"""

import asyncio
import base64
import binascii
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from deployments.http.schemas.common import ApiModel
from jobs.storage.blobs import Blob, BlobStore
from sidecar.core.errors import BadRequest, InvalidImage, NotFound, TooLarge, UnsupportedImage
from sidecar.core.settings import Settings
from sidecar.core.ssrf import fetch
from sidecar.receipts.pages.decode import KINDS, sniff

#: What a stored image may be.
MEDIA_TYPES = ("application/pdf", *(f"image/{kind}" for kind in KINDS))


class ImageSource(ApiModel):
    """The fields by which a request brings an image; one of them is given."""

    image_base64: str | None = Field(
        None, description="The file's bytes in base64; a data: URL will do as well."
    )
    image_url: str | None = Field(None, max_length=2000, description="http or https.")
    image_path: str | None = Field(
        None, max_length=1000, description="A file below the service's image folder."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [self.image_base64, self.image_url, self.image_path]
        if sum(source is not None for source in given) != 1:
            raise ValueError("give exactly one of image_base64, image_url and image_path")
        return self


async def store_image(
    source: ImageSource, tenant_id: str, blobs: BlobStore, settings: Settings
) -> Blob:
    """Stores the image for the tenant.

    Raises BadRequest (its kinds say what is wrong with the source), TooLarge, StorageUnavailable
    and DatabaseUnavailable.
    """
    data = await _bytes_of(source, settings)
    if not data:
        raise InvalidImage("The image is empty.")
    if len(data) > settings.max_image_bytes:
        raise TooLarge(_over(settings.max_image_bytes))
    kind = sniff(data)
    if kind is None:
        raise UnsupportedImage
    media_type = "application/pdf" if kind == "pdf" else f"image/{kind}"
    return await blobs.put(tenant_id, data, media_type)


async def _bytes_of(source: ImageSource, settings: Settings) -> bytes:
    if source.image_base64 is not None:
        return await asyncio.to_thread(decode_base64, source.image_base64, settings.max_image_bytes)
    if source.image_url is not None:
        return await fetch(
            source.image_url,
            max_bytes=settings.max_image_bytes,
            timeout_s=settings.url_timeout_s,
            allowed_networks=settings.ssrf_allowed_networks,
        )
    if source.image_path is None:
        raise ValueError("an ImageSource without a source")
    return await asyncio.to_thread(_read, source.image_path, settings)


def decode_base64(text: str, max_bytes: int) -> bytes:
    """The bytes of base64, or of a data: URL. Raises TooLarge and InvalidImage."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if len(text) // 4 * 3 > max_bytes + 1024:  # room for line breaks; counted again when decoded
        raise TooLarge(_over(max_bytes))
    try:
        encoded = text.encode("ascii").translate(None, b"\r\n\t ")
        return base64.b64decode(encoded, validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidImage("The image is not base64.") from error


def _read(path: str, settings: Settings) -> bytes:
    if settings.image_dir is None:
        raise BadRequest("image_path is not available: this service has no image folder.")
    try:
        file = (settings.image_dir / path).resolve(strict=True)
        if not file.is_relative_to(settings.image_dir.resolve()) or not file.is_file():
            raise NotFound("There is no such file in the image folder.")
        if file.stat().st_size > settings.max_image_bytes:
            raise TooLarge(_over(settings.max_image_bytes))
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise NotFound("There is no such file in the image folder.") from error


def _over(max_bytes: int) -> str:
    return f"The image is over the limit of {max_bytes} bytes."
