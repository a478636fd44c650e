"""Limits what the streams of a PDF unpack to, before a PDF library unpacks them.

A megabyte of Flate data can be a gigabyte of page, which PDFium would hold in memory twice and
process for minutes. Streams can't be inside other streams (ISO 32000-1, 7.5.7), so all of them are
found in the file's own bytes, whatever its tables say.
"""

import re
import zlib
from collections.abc import Iterator

from sidecar.core.errors import TooLarge
from sidecar.receipts.pages.decode import ImageLimits

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_IMAGE = re.compile(rb"/Subtype\s*/Image\b")
_SIDE = re.compile(rb"/(Width|Height)\s+(\d{1,10})\b(?!\s+\d+\s+R)")
_DICTIONARY_BYTES = 2048  # in front of a stream; images with longer ones are not counted as images
_BYTES_PER_PIXEL = 4
_CHUNK = 1 << 16

MAX_UNPACKED = 16 * 1024 * 1024
"""Bytes of all contents, fonts and tables together; an e-receipt has some hundred thousand."""


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
        for size in _unpacked_sizes(_chunks(data, stream.end())):
            remaining[is_image] -= size
            if remaining[is_image] < 0:
                raise TooLarge("The PDF unpacks to more than a receipt can need.")


def _chunks(data: bytes, start: int) -> Iterator[bytes]:
    for offset in range(start, len(data), _CHUNK):
        yield data[offset : offset + _CHUNK]


def _unpacked_sizes(chunks: Iterator[bytes]) -> Iterator[int]:
    """Yield the sizes of unpacked Flate data, and of its own unpacked data if it is Flate data
    again, as in a chain of filters; nothing for other data. Holds one chunk of each in memory.
    """
    outer, inner = zlib.decompressobj(), zlib.decompressobj()
    nested = True
    try:
        for chunk in chunks:
            while chunk:
                out = outer.decompress(chunk, _CHUNK)
                yield len(out)
                while nested and out:
                    try:
                        yield len(inner.decompress(out, _CHUNK))
                    except zlib.error:
                        nested = False
                    out = inner.unconsumed_tail
                if outer.eof:
                    return
                chunk = outer.unconsumed_tail
    except zlib.error:
        return
