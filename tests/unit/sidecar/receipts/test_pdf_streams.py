"""Streams that unpack to too much are found, however they are written."""

import base64
import zlib
from collections.abc import Callable

import pytest

from sidecar.core.errors import TooLarge
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.pdf_streams import MAX_UNPACKED, check_streams

Filter = Callable[[bytes], bytes]
HUGE = bytes(MAX_UNPACKED + 1)


def flushed(data: bytes) -> bytes:
    """Flate data that begins with a hundred thousand empty blocks."""
    compressor = zlib.compressobj(9)
    empty = b"\0\0\0\xff\xff" * 30_000
    whole = compressor.compress(data) + compressor.flush()
    return whole[:2] + empty + whole[2:]


def hexadecimal(data: bytes) -> bytes:
    return b"\n".join(data.hex().encode()[n : n + 80] for n in range(0, 2 * len(data), 80)) + b">"


def ascii85(data: bytes) -> bytes:
    return base64.a85encode(data, wrapcol=80) + b"~>"


def pdf(stream: bytes, keyword: bytes = b"stream\r\n") -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< /Length 9 >>\n" + keyword + stream + b"\nendstream\nendobj\n"


@pytest.mark.parametrize(
    "keyword", [b"stream\n", b"stream\r\n", b"stream\r", b"stream \t \n", b"stream\0\r"]
)
def test_every_way_to_begin_a_stream_is_known(keyword: bytes) -> None:
    with pytest.raises(TooLarge):
        check_streams(pdf(zlib.compress(HUGE, 9), keyword), ImageLimits())


@pytest.mark.parametrize(
    "filters",
    [
        (zlib.compress,),
        (flushed,),
        (zlib.compress, zlib.compress),
        (flushed, flushed),
        (zlib.compress, hexadecimal),
        (zlib.compress, ascii85),
        (zlib.compress, zlib.compress, ascii85),
        (zlib.compress, ascii85, hexadecimal),
        (zlib.compress, ascii85, zlib.compress),
    ],
    ids=lambda filters: "-".join(filter_.__name__ for filter_ in filters),
)
def test_every_chain_of_filters_is_counted(filters: tuple[Filter, ...]) -> None:
    small, huge = bytes(range(256)) * 40, HUGE
    for filter_ in filters:
        small, huge = filter_(small), filter_(huge)
    assert len(huge) < 300_000
    check_streams(pdf(small), ImageLimits())
    with pytest.raises(TooLarge):
        check_streams(pdf(huge), ImageLimits())


def test_streams_count_together() -> None:
    part = pdf(ascii85(zlib.compress(bytes(MAX_UNPACKED // 4))))
    check_streams(part * 3, ImageLimits())
    with pytest.raises(TooLarge):
        check_streams(part * 5, ImageLimits())


def test_plain_content_passes() -> None:
    check_streams(pdf(b"q 0.5 0 0 rg BT /F1 12 Tf (MILK 1.99) Tj ET Q\n" * 1_000), ImageLimits())
    check_streams(pdf(b""), ImageLimits())
