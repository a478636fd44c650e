"""Files that are small on the wire and huge when decoded are rejected before decoding."""

import json
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.decompression_bombs import BOMBS, pdf
from sidecar.core.errors import BadRequest, TooLarge
from sidecar.receipts.pages.decode import KINDS, ImageLimits, decode, sniff
from sidecar.receipts.pages.pdf import pdf_pages
from sidecar.receipts.pages.pdf_streams import MAX_UNPACKED, check_streams

REPOSITORY = Path(__file__).parents[4]
REJECTED = {"too_large", "unsupported_image", "invalid_image", "unreadable_pdf"}
LIMITS = ImageLimits()


def test_every_bomb_is_rejected_within_200_megabytes() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench.decompression_bombs", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert [result["name"] for result in results] == list(BOMBS)
    for result in results:
        assert result["outcome"] in REJECTED, result
        assert result["megabytes"] < 200, result


def bitmap(width: int, height: int) -> bytes:
    """Return a BMP of that size whose pixels are run-length encoded, and missing."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1080, 0, 0, 1078) + header + bytes(1024) + b"\0\1"


def gif(width: int, height: int, frames: int = 1, frame_width: int | None = None) -> bytes:
    """Return a GIF of that screen size, with frames of one row."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, frame_width or width, 1, 0) + b"\2\2L\1\0"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + frames * frame + b";"


@pytest.mark.parametrize(
    "data",
    [
        bitmap(30_000, 30_000),
        gif(30_000, 30_000),
        gif(10, 2_000, frame_width=60_000),
    ],
    ids=["a bitmap", "a GIF", "a GIF with a frame larger than its screen"],
)
def test_a_small_file_of_many_pixels_is_refused_by_its_header(data: bytes) -> None:
    assert len(data) < 2_000
    with pytest.raises(TooLarge, match="pixels"):
        decode(data, LIMITS)


def test_a_gif_of_a_hundred_thousand_frames_takes_the_time_of_one() -> None:
    data = gif(64, 64, frames=100_000)
    start = time.perf_counter()
    with suppress(BadRequest):
        decode(data, LIMITS)
    assert time.perf_counter() - start < 0.5


def test_streams_that_unpack_to_exactly_the_limit_are_accepted() -> None:
    check_streams(pdf(zlib.compress(bytes(MAX_UNPACKED))), LIMITS)
    with pytest.raises(TooLarge, match="unpacks"):
        check_streams(pdf(zlib.compress(bytes(MAX_UNPACKED + 1))), LIMITS)


@given(st.binary(max_size=2000), st.sampled_from(["", "stream\n", "/Subtype/Image stream\r\n"]))
def test_any_bytes_are_counted_without_an_error(data: bytes, prefix: str) -> None:
    check_streams(prefix.encode() + data, LIMITS)
    check_streams(prefix.encode() + zlib.compress(data), LIMITS)


@given(st.data())
def test_a_corrupted_pdf_is_read_or_raises_an_error_of_the_caller(data: st.DataObject) -> None:
    file = bytearray(pdf(zlib.compress(b"0 0 m 10 10 l S")))
    for index in data.draw(st.lists(st.integers(0, len(file) - 1), max_size=8)):
        file[index] = data.draw(st.integers(0, 255))
    with suppress(BadRequest, TooLarge):
        for _ in pdf_pages(bytes(file), LIMITS)[1]:
            pass


@given(st.binary(max_size=3000))
def test_any_bytes_have_a_known_format_or_none(data: bytes) -> None:
    assert sniff(data) in {None, "pdf", *KINDS}
