"""Decodes image files into pages; every limit is checked before a pixel is decoded.

A malicious file is small on the wire and huge in memory (a 30 000 x 30 000 PNG is 109 kB), so the
size in the header decides, not the decoder's. Pages are returned as BGR arrays, upright by EXIF.
Pages much larger than reading needs are decoded at a half, a third, … of their size.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from sidecar.core.errors import InvalidImage, TooLarge, UnsupportedImage
from sidecar.receipts.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

    from sidecar.core.settings import Settings


_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (8, b"WEBP", "webp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    *((14, size.to_bytes(4, "little"), "bmp") for size in (12, 40, 52, 56, 64, 108, 124)),
    *(
        (4, b"ftyp" + brand, "heic")
        for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
    ),
)
KINDS = tuple(dict.fromkeys(kind for _, _, kind in _MAGIC))
"""All supported image formats."""
WORKING_PIXELS = 4_000_000
"""Pixels of a page that reading needs; much larger pages are reduced while they are decoded."""
_MIN_SIDE = 8
_STILL = ("png", "webp")  # of a HEIC or a GIF, the first picture is read
_PIL_FORMATS = {kind: "HEIF" if kind == "heic" else kind.upper() for kind in KINDS}


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """Limits of a caller's files, checked on headers before decoding."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_pages: int = 20

    @classmethod
    def configured(cls, settings: "Settings") -> Self:
        """Return the service's limits."""
        return cls(
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_image_pixels,
            max_pages=settings.max_image_pages,
        )


def sniff(data: bytes) -> str | None:
    """Return the format by its magic bytes, one of KINDS or "pdf", or None.

    Nothing is decoded. A PDF may have up to a kilobyte of other bytes in front (ISO 32000, H.3). A
    BMP's own magic is two letters; the size of its second header, which is one of a few, counts too.
    """
    for offset, magic, name in _MAGIC:
        if data[offset : offset + len(magic)] == magic and (name != "bmp" or data[:2] == b"BM"):
            return name
    return "pdf" if b"%PDF-" in data[:1024] else None


def check_size(data: bytes, limits: ImageLimits) -> None:
    """Raise TooLarge for too many bytes, InvalidImage for none, UnsupportedImage for no image."""
    if len(data) > limits.max_bytes:
        raise TooLarge(f"The image has {len(data)} bytes; the limit is {limits.max_bytes}.")
    if not data:
        raise InvalidImage("The image is empty.")
    if sniff(data) is None:
        raise UnsupportedImage


def decode(data: bytes, limits: ImageLimits) -> tuple[Pixels, ...]:
    """Return the pages of an image file, upright by EXIF, each (height, width, 3) BGR, at full size
    or at an integer fraction of it that has at least WORKING_PIXELS.

    Of a GIF, the first frame is read. Raises TooLarge for bytes, pixels or pages over `limits`,
    UnsupportedImage for anything but a still image of a known kind (for PDF see pdf.py),
    InvalidImage for a damaged one.
    """
    check_size(data, limits)
    kind = sniff(data)
    if kind == "pdf":
        raise UnsupportedImage
    from PIL import Image, ImageSequence

    if kind == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    formats = [_PIL_FORMATS[kind]] if kind else []
    with _damage_is_invalid(), Image.open(io.BytesIO(data), formats=formats) as image:
        _check_pixels(image.width, image.height, limits)
        if kind == "jpeg":  # the cosine transform itself gives a half, a quarter or an eighth
            factor = _reduction(image)
            image.draft(None, (image.width // factor, image.height // factor))
        if kind != "tiff":
            # Frames are not counted where one is read: a GIF of a megabyte can have a hundred
            # thousand.
            if kind in _STILL and getattr(image, "n_frames", 1) > 1:
                raise UnsupportedImage("The image is animated; send a still one.")
            return (to_pixels(image),)
        remaining = limits.max_pixels
        # Before any page is decoded, and not beyond the limit: counting a million takes a minute.
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            if number == limits.max_pages:
                raise TooLarge(f"The file has more than {limits.max_pages} pages, the limit.")
            _check_pixels(frame.width, frame.height, limits)
            remaining -= frame.width * frame.height
            if remaining < 0:
                raise TooLarge(f"The pages have more than {limits.max_pixels} pixels in all.")
        return tuple(to_pixels(frame) for frame in ImageSequence.Iterator(image))


def _check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"The image has {width} x {height} pixels; the limit is {limits.max_pixels} in all."
        )
    if min(width, height) < _MIN_SIDE:
        raise InvalidImage(f"The image has {width} x {height} pixels: too small to hold text.")


def to_pixels(image: "Image.Image") -> Pixels:
    """Return a PIL image of any mode as BGR, with white behind transparency.

    An image of several times WORKING_PIXELS is reduced first, to copy only what is needed.
    """
    from PIL import ImageOps

    if (factor := _reduction(image)) > 1 and image.mode in ("L", "RGB", "RGBA", "CMYK"):
        exif = image.getexif()
        image = image.reduce(factor)
        image.info["exif"] = exif.tobytes()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit scans; convert() would clip them
        deep = np.asarray(image, dtype=np.float64)
        low, high = float(deep.min()), float(deep.max())
        gray = ((deep - low) * (255 / (high - low or 1))).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=2))
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = layer.convert("RGB")
        image.paste((255, 255, 255), mask=layer.getchannel("A").point(lambda a: 255 - a))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def _reduction(image: "Image.Image") -> int:
    """Return the divisor of both sides that leaves at least WORKING_PIXELS."""
    return max(1, int((image.width * image.height / WORKING_PIXELS) ** 0.5))


@contextlib.contextmanager
def _damage_is_invalid() -> Iterator[None]:
    """Raise InvalidImage for what PIL raises on damaged data; its exceptions share no class."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit on pixels is stricter than PIL's warning
            yield
    except Image.DecompressionBombError as bomb:
        raise TooLarge("The image has too many pixels.") from bomb
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as damage:
        raise InvalidImage from damage
