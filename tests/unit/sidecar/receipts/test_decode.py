"""Decoding of image files: formats, orientation, and limits before decoding."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from sidecar.core.errors import BadRequest, InvalidImage, ServiceError, TooLarge, UnsupportedImage
from sidecar.receipts.pages.decode import WORKING_PIXELS, ImageLimits, decode, sniff

LIMITS = ImageLimits()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def half_dark(size: tuple[int, int] = (40, 60)) -> Image.Image:
    """Dark above, light below."""
    image = Image.new("RGB", size, "white")
    image.paste("black", (0, 0, size[0], size[1] // 2))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_each_format_is_recognized_and_decoded(kind: str) -> None:
    data = encoded(half_dark(), kind)
    assert sniff(data) == kind.lower()
    [page] = decode(data, LIMITS)
    assert page.shape == (60, 40, 3)
    assert page[5].mean() < 30
    assert page[-5].mean() > 225


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16", "RGBA", "LA"])
def test_every_color_mode_becomes_the_same_picture(mode: str) -> None:
    gray = np.asarray(half_dark().convert("L"))
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        image = half_dark().convert(mode)
    [page] = decode(encoded(image, _container(mode)), LIMITS)
    assert page.shape == (60, 40, 3)
    assert page[5].mean() < 40
    assert page[-5].mean() > 215


def _container(mode: str) -> str:
    return "JPEG" if mode == "CMYK" else "PNG"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_page_larger_than_reading_needs_is_reduced_and_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = half_dark((3000, 6000)).transpose(Image.Transpose.ROTATE_90)
    [page] = decode(encoded(stored, kind, exif=exif), LIMITS)
    assert page.shape == (3000, 1500, 3)
    assert page.shape[0] * page.shape[1] >= WORKING_PIXELS
    assert page[5].mean() < 30
    assert page[-5].mean() > 225


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    upright = half_dark()
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    stored = upright
    for step in undo:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    [page] = decode(encoded(stored, "JPEG", exif=exif), LIMITS)
    assert page.shape == (60, 40, 3)
    assert page[5].mean() < 30
    assert page[-5].mean() > 225


def test_the_first_frame_of_an_animated_gif_is_read() -> None:
    dark = Image.new("RGB", (40, 60), "black")
    data = encoded(half_dark(), "GIF", save_all=True, append_images=[dark, dark])
    [page] = decode(data, LIMITS)
    assert page[5].mean() < 30
    assert page[-5].mean() > 225


def test_a_text_that_starts_like_a_bitmap_is_unsupported() -> None:
    assert sniff(b"BMW 1.99 and other letters") is None
    with pytest.raises(UnsupportedImage):
        decode(b"BM" + bytes(40), LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_limits_are_checked_before_decoding(kind: str) -> None:
    data = encoded(half_dark((400, 600)), kind)
    with pytest.raises(TooLarge, match="pixels"):
        decode(data, ImageLimits(max_pixels=239_999))
    with pytest.raises(TooLarge, match="bytes"):
        decode(data, ImageLimits(max_bytes=len(data) - 1))
    assert decode(data, ImageLimits(max_pixels=240_000, max_bytes=len(data)))


def test_other_files_are_unsupported_and_broken_images_are_invalid() -> None:
    with pytest.raises(UnsupportedImage):
        decode(b"milk 1.99", LIMITS)
    whole = encoded(half_dark((400, 600)), "JPEG")
    for broken in (b"", whole[: len(whole) // 2], whole[:30]):
        with pytest.raises(InvalidImage):
            decode(broken, LIMITS)
    with pytest.raises(InvalidImage, match="too small"):
        decode(encoded(half_dark((4, 4)), "PNG"), LIMITS)


@given(
    st.sampled_from(
        [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\x00\x00\x00\x00WEBP",
            b"GIF89a",
            b"BM" + bytes(12) + b"\x28\0\0\0",
        ]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_raise_only_errors_of_the_caller(magic: bytes, rest: bytes) -> None:
    with pytest.raises((BadRequest, TooLarge)) as raised:
        decode(magic + rest, LIMITS)
    assert isinstance(raised.value, ServiceError)


def test_the_pages_of_a_tiff_are_not_counted_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [Image.new("1", (16, 16)) for _ in range(300)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    visited = []
    seek = TiffImageFile._seek
    monkeypatch.setattr(
        TiffImageFile, "_seek", lambda image, frame: (visited.append(frame), seek(image, frame))[1]
    )
    with pytest.raises(TooLarge, match="more than 20 pages"):
        decode(data, LIMITS)
    assert max(visited) <= LIMITS.max_pages


def test_a_file_is_opened_as_what_its_first_bytes_say() -> None:
    """A decoder that nobody meant to use is none to attack."""
    data = encoded(Image.new("RGB", (16, 16)), "PPM")
    with pytest.raises(UnsupportedImage):
        decode(data, LIMITS)
    with pytest.raises(InvalidImage):
        decode(b"II*\0" + data, LIMITS)
