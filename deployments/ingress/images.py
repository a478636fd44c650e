"""Stores a request's image as a durable blob.

Only the file's first bytes are examined, for the format that it claims; the worker process decodes
the image.
"""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from deployments.http.schemas.common import ApiModel
from deployments.ingress.examples import EXAMPLE_PNG
from jobs.storage.blobs import Blob, BlobStore
from sidecar.core.errors import BadRequest, InvalidImage, NotFound, TooLarge, UnsupportedImage
from sidecar.core.settings import Settings
from sidecar.core.ssrf import fetch
from sidecar.receipts.pages import album
from sidecar.receipts.pages.decode import KINDS, sniff

#: Media types of stored images.
MEDIA_TYPES = ("application/pdf", album.MEDIA_TYPE, *(f"image/{kind}" for kind in KINDS))


class ImageSource(ApiModel):
    """An image, or several photographs of one receipt: exactly one of the fields is given."""

    image_base64: str | None = Field(
        None, description="The file's bytes in base64, optionally as a data: URL."
    )
    images_base64: list[str] | None = Field(
        None,
        min_length=1,
        description="Photographs of one long receipt from top to bottom, each in base64 like "
        "image_base64 and within the same limits. Lines that two in a row both show count once. "
        "No PDF; at most SIDECAR_MAX_IMAGE_PAGES.",
        examples=[[EXAMPLE_PNG, EXAMPLE_PNG]],
    )
    image_url: str | None = Field(None, max_length=2000, description="http or https.")
    image_path: str | None = Field(
        None, max_length=1000, description="A file below the service's image folder."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [self.image_base64, self.images_base64, self.image_url, self.image_path]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "give exactly one of image_base64, images_base64, image_url and image_path"
            )
        return self


async def store_image(
    source: ImageSource, tenant_id: str, blobs: BlobStore, settings: Settings
) -> Blob:
    """Store the image for the tenant; several photographs become one file, see album.py.

    Raises:
        BadRequest: when the source or the file is unusable; the subclass says how.
        NotFound: when `image_path` names no file in the image folder.
        TooLarge: when the file is over the limit.
        StorageUnavailable, DatabaseUnavailable: when it can't be stored.
    """
    if source.images_base64 is None:
        data = await _load(source, settings)
    else:
        photos = await asyncio.to_thread(_decode_photos, source.images_base64, settings)
        if len(photos) > 1:
            return await blobs.put(tenant_id, album.pack(photos), album.MEDIA_TYPE)
        data = photos[0]
    kind = _kind(data, settings)
    media_type = "application/pdf" if kind == "pdf" else f"image/{kind}"
    return await blobs.put(tenant_id, data, media_type)


def _decode_photos(texts: Sequence[str], settings: Settings) -> list[bytes]:
    if len(texts) > settings.max_image_pages:
        raise TooLarge(
            f"There are {len(texts)} photographs; the limit is {settings.max_image_pages}."
        )
    photos = [decode_base64(text, settings.max_image_bytes) for text in texts]
    if "pdf" in {_kind(photo, settings) for photo in photos}:
        raise UnsupportedImage("images_base64 takes photographs; send a PDF as image_base64.")
    return photos


def _kind(data: bytes, settings: Settings) -> str:
    """Return the format that the file claims by its first bytes, "pdf" or one of KINDS."""
    if not data:
        raise InvalidImage("The image is empty.")
    if len(data) > settings.max_image_bytes:
        raise _too_large(settings.max_image_bytes)
    kind = sniff(data)
    if kind is None:
        raise UnsupportedImage
    return kind


async def _load(source: ImageSource, settings: Settings) -> bytes:
    if source.image_base64 is not None:
        return await asyncio.to_thread(decode_base64, source.image_base64, settings.max_image_bytes)
    if source.image_url is not None:
        return await fetch_image(source.image_url, settings)
    if source.image_path is None:
        raise ValueError("an ImageSource without a source")
    return await asyncio.to_thread(_read_file, source.image_path, settings)


async def fetch_image(url: str, settings: Settings) -> bytes:
    """Download an image within the settings' limits; see sidecar.core.ssrf.fetch."""
    return await fetch(
        url,
        max_bytes=settings.max_image_bytes,
        timeout_s=settings.url_timeout_s,
        allowed_networks=settings.ssrf_allowed_networks,
    )


def decode_base64(text: str, max_bytes: int) -> bytes:
    """Decode base64 or a data: URL. Raises InvalidImage, and TooLarge well over `max_bytes`."""
    if text[:5].lower() == "data:":  # a URL's scheme has no case (RFC 3986, 3.1)
        text = text.partition(",")[2]
    if len(text) // 4 * 3 > max_bytes + 1024:  # 1024: line breaks, which decoding drops
        raise _too_large(max_bytes)
    try:
        encoded = text.encode("ascii").translate(None, b"\r\n\t ")
        return base64.b64decode(encoded, validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidImage("The image is not base64.") from error


def _read_file(path: str, settings: Settings) -> bytes:
    if settings.image_dir is None:
        raise BadRequest("image_path is not available: this service has no image folder.")
    try:
        file = (settings.image_dir / path).resolve(strict=True)
        if not file.is_relative_to(settings.image_dir.resolve()) or not file.is_file():
            raise NotFound("There is no such file in the image folder.")
        if file.stat().st_size > settings.max_image_bytes:
            raise _too_large(settings.max_image_bytes)
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise NotFound("There is no such file in the image folder.") from error


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The image is over the limit of {max_bytes} bytes.")
