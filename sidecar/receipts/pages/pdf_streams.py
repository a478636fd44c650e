"""Limits what the streams of a PDF unpack to, before a PDF library unpacks them.

A megabyte of Flate data can be a gigabyte of page, which PDFium would hold in memory twice and
process for minutes. Streams can't be inside other streams (ISO 32000-1, 7.5.7), so all of them are
found in the file's own bytes, whatever its tables say. What a stream's data are shows in the data
themselves: its dictionary can name the filters in many ways, or elsewhere. Encrypted streams look
like nothing here; the memory limit of the process is what bounds them.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np

from sidecar.core.errors import TooLarge
from sidecar.receipts.pages.decode import ImageLimits

_STREAM: Final = re.compile(rb"(?<!end)stream[ \t\0\f]{0,64}(?:\r\n|\n|\r)")
_IMAGE: Final = re.compile(rb"/Subtype\s*/Image\b")
_SIDE: Final = re.compile(rb"/(Width|Height)\s+(\d{1,10})\b(?!\s+\d+\s+R)")
_DICTIONARY_BYTES: Final = 2048  # in front of a stream; longer ones are not counted as images'
_BYTES_PER_PIXEL: Final = 4
_CHUNK: Final = 1 << 16
_BEGINNING: Final = 256  # bytes of a stream that show its filter

_WHITESPACE: Final = b"\0\t\n\f\r "
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{32,}>?")
_ASCII85: Final = re.compile(rb"(?:<~)?[!-uz]{20,}")
_PLACES: Final = np.array([85**4, 85**3, 85**2, 85, 1], dtype=np.uint64)

MAX_UNPACKED: Final = 16 * 1024 * 1024
"""Bytes of all contents, fonts and tables together; an e-receipt has some hundred thousand."""
_MAX_FILTERS: Final = 4  # of one stream, one behind the other


def check_streams(data: bytes, limits: ImageLimits) -> None:
    """Raise TooLarge when the streams of a PDF unpack to more than a receipt can need.

    All images together may have the pixels of `limits`, and all other streams MAX_UNPACKED bytes.
    """
    remaining = {True: _BYTES_PER_PIXEL * limits.max_pixels, False: MAX_UNPACKED}
    for stream in _STREAM.finditer(data):
        before = data[max(0, stream.start() - _DICTIONARY_BYTES) : stream.start()]
        dictionary = before[before.rfind(b" obj") + 1 :]
        is_image = _IMAGE.search(dictionary) is not None
        if is_image:
            sides = {name: int(value) for name, value in _SIDE.findall(dictionary)}
            if sides.get(b"Width", 0) * sides.get(b"Height", 0) > limits.max_pixels:
                raise TooLarge(f"A picture in the PDF has over {limits.max_pixels} pixels.")
        for size in _unpacked_sizes(_chunks(data, stream.end()), _MAX_FILTERS):
            remaining[is_image] -= size
            if remaining[is_image] < 0:
                raise TooLarge("The PDF unpacks to more than a receipt can need.")


def _chunks(data: bytes, start: int) -> Iterator[bytes]:
    for offset in range(start, len(data), _CHUNK):
        yield data[offset : offset + _CHUNK]


def _unpacked_sizes(chunks: Iterator[bytes], filters: int) -> Iterator[int]:
    """Yield the sizes of what each filter of a chain unpacks to, nothing for other data."""
    first = b""
    while len(first) < _BEGINNING and (chunk := next(chunks, None)) is not None:
        first += chunk
    unpacked = _unpack(first, chunks) if filters else None
    if unpacked is None:
        return
    sizes: list[int] = []

    def noted() -> Iterator[bytes]:
        for part in unpacked:
            sizes.append(len(part))
            yield part

    # What the next filter takes is what this one gives.
    rest = noted()
    for size in _unpacked_sizes(rest, filters - 1):
        yield from sizes
        sizes.clear()
        yield size
    for _ in rest:
        yield from sizes
        sizes.clear()
    yield from sizes


def _unpack(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes] | None:
    """Return the data behind the filter that the first chunk shows; None for none of these."""
    if len(first) > 1 and first[0] & 15 == 8 and int.from_bytes(first[:2]) % 31 == 0:
        return _inflate(first, rest)
    beginning = first[:_BEGINNING].translate(None, _WHITESPACE)
    if _HEX.match(beginning):
        return _from_hex(first, rest)
    if _ASCII85.match(beginning):
        return _from_ascii85(first, rest)
    return None


def _inflate(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    try:
        for chunk in _with(first, rest):
            pending = chunk
            while pending:
                yield inflater.decompress(pending, _CHUNK)
                if inflater.eof:
                    return
                pending = inflater.unconsumed_tail
    except zlib.error:
        return


def _from_hex(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    digits = b""
    for chunk in _with(first, rest):
        digits += chunk.translate(None, _WHITESPACE)
        digits, end, _ = digits.partition(b">")
        even = len(digits) // 2 * 2
        try:
            yield bytes.fromhex(digits[:even].decode("ascii"))
        except ValueError:
            return
        if end:
            return
        digits = digits[even:]


def _from_ascii85(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    digits = b""
    for chunk in _with(first.lstrip(_WHITESPACE).removeprefix(b"<~"), rest):
        digits += chunk.translate(None, _WHITESPACE).replace(b"z", b"!!!!!")
        digits, end, _ = digits.partition(b"~")
        if end:
            digits += b"u" * (-len(digits) % 5)  # the last group may be short
        whole = len(digits) // 5 * 5
        groups = np.frombuffer(digits[:whole], dtype=np.uint8).reshape(-1, 5).astype(np.uint64)
        if groups.size and (groups.min() < 33 or groups.max() > 117):
            return
        yield ((groups - 33) @ _PLACES).astype(">u4").tobytes()
        if end:
            return
        digits = digits[whole:]


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
