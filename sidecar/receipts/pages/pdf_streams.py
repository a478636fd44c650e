"""What the streams of a PDF hold, counted before a PDF library unpacks them.

A megabyte of Flate data can be a gigabyte of page, which PDFium would hold in memory twice and walk
through for minutes. Streams can't stand inside other streams (ISO 32000-1, 7.5.7), so all of them
are found in the file's own bytes, whatever its tables say.
"""

import re
import zlib
from collections.abc import Iterator

from sidecar.core.errors import TooLarge
from sidecar.receipts.pages.decode import ImageLimits

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_PICTURE = re.compile(rb"/Subtype\s*/Image\b")
_SIDE = re.compile(rb"/(Width|Height)\s+(\d{1,10})\b(?!\s+\d+\s+R)")
_DICTIONARY_BYTES = 2048  # in front of a stream; longer ones are counted as no picture
_BYTES_A_PIXEL = 4
_PIECE = 1 << 16

#: Bytes of all pages' contents, fonts and tables together; an e-receipt has some hundred thousand.
MAX_UNPACKED = 16 * 1024 * 1024


def check_streams(data: bytes, limits: ImageLimits) -> None:
    """Raises TooLarge when the streams of a PDF file unpack to more than a receipt can need:
    MAX_UNPACKED bytes, pictures aside, which have the pixels of `limits` each and in all.
    """
    left = {True: _BYTES_A_PIXEL * limits.max_pixels, False: MAX_UNPACKED}
    for stream in _STREAM.finditer(data):
        dictionary = _dictionary(data, stream.start())
        picture = _PICTURE.search(dictionary) is not None
        if picture:
            sides = {name: int(value) for name, value in _SIDE.findall(dictionary)}
            if sides.get(b"Width", 0) * sides.get(b"Height", 0) > limits.max_pixels:
                raise TooLarge(f"A picture in the PDF has over {limits.max_pixels} pixels.")
        for size in _unpacked(_pieces(data, stream.end())):
            left[picture] -= size
            if left[picture] < 0:
                raise TooLarge("The PDF unpacks to more than a receipt can need.")


def _dictionary(data: bytes, end: int) -> bytes:
    near = data[max(0, end - _DICTIONARY_BYTES) : end]
    return near[near.rfind(b" obj") + 1 :]


def _pieces(data: bytes, start: int) -> Iterator[bytes]:
    for place in range(start, len(data), _PIECE):
        yield data[place : place + _PIECE]


def _unpacked(pieces: Iterator[bytes]) -> Iterator[int]:
    """Sizes of what Flate data unpacks to, and of what that unpacks to if it is Flate data again,
    as any chain of filters can have it; nothing for what is no such data. Holds a piece of each.
    """
    outer, inner = zlib.decompressobj(), zlib.decompressobj()
    inner_too = True
    try:
        for piece in pieces:
            while piece:
                out = outer.decompress(piece, _PIECE)
                yield len(out)
                while inner_too and out:
                    try:
                        yield len(inner.decompress(out, _PIECE))
                    except zlib.error:
                        inner_too = False
                    out = inner.unconsumed_tail
                if outer.eof:
                    return
                piece = outer.unconsumed_tail
    except zlib.error:
        return
