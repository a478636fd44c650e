"""Cost of rejecting decompression bombs: `python -m bench.decompression_bombs` (Linux only).

Each file is small on the wire and huge when it is decoded. The table has the bytes as sent, the
seconds until it is rejected, and the memory that this added at its peak.
"""

import argparse
import gc
import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pillow_heif
import psutil
from PIL import Image

from sidecar.core.errors import ServiceError
from sidecar.receipts.pages.decode import ImageLimits, check_size
from sidecar.receipts.pages.document import open_pages

MB = 1_000_000


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png() -> bytes:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(30_000 * 3_751), 9)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _saved(kind: str, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def jpeg() -> bytes:
    data = bytearray(_saved("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def webp() -> bytes:
    side = (16_383).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff() -> bytes:
    file = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "TIFF", compression="group4")
    return file.getvalue()


def tiff_pages() -> bytes:
    file = io.BytesIO()
    pages = [Image.new("1", (6_000, 6_000)) for _ in range(30)]
    pages[0].save(file, "TIFF", compression="group4", save_all=True, append_images=pages[1:])
    return file.getvalue()


def heic() -> bytes:
    pillow_heif.register_heif_opener()
    data = bytearray(_saved("HEIF"))
    size = data.index(b"ispe")
    data[size + 8 : size + 16] = struct.pack(">II", 60_000, 60_000)
    return bytes(data)


def gif() -> bytes:
    return b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(20)


def zip_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("receipt.png", bytes(100 * MB))
    return file.getvalue()


def _flate(size: int, pattern: bytes = bytes(1024)) -> bytes:
    """Return `size` bytes of a repeated pattern, compressed."""
    packer = zlib.compressobj(9)
    block = pattern * (MB // len(pattern))
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data)


def pdf(content: bytes, *more: bytes, filters: bytes = b"/FlateDecode", pages: int = 1) -> bytes:
    """Return a PDF of pages with the same content; `more` are objects from number 4 on."""
    first = 4 + len(more)
    kids = b" ".join(b"%d 0 R" % number for number in range(first, first + pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 3 0 R%b>>" % (
        b"/Resources<</XObject<</I 4 0 R>>>>" if more else b""
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages),
        _stream(b"/Filter[%b]" % filters, content),
        *more,
        *[page] * pages,
    ]
    file, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(file))
    return file + b"xref\n0 %d\n0000000000 65535 f \n" % size + rows + end


def pdf_picture() -> bytes:
    entries = (
        b"/Type/XObject/Subtype/Image/Width 20000/Height 20000/BitsPerComponent 8"
        b"/ColorSpace/DeviceRGB/Filter/FlateDecode"
    )
    drawn = zlib.compress(b"q 600 0 0 800 0 0 cm /I Do Q")
    return pdf(drawn, _stream(entries, _flate(1_200 * MB)))


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "PNG, 900 million pixels": png,
    "JPEG, 4 290 million pixels": jpeg,
    "WebP, 268 million pixels": webp,
    "TIFF, 900 million pixels": tiff,
    "TIFF, 30 pages of 36 million": tiff_pages,
    "HEIC, 3 600 million pixels": heic,
    "GIF": gif,
    "ZIP": zip_archive,
    "PDF, a page of 1 GB": lambda: pdf(_flate(1_000 * MB)),
    "PDF, compressed twice": lambda: pdf(
        zlib.compress(_flate(1_000 * MB), 9), filters=b"/FlateDecode/FlateDecode"
    ),
    "PDF, 8 million strokes": lambda: pdf(_flate(112 * MB, b"0 0 m 1 1 l S\n")),
    "PDF, a picture of 400 million pixels": pdf_picture,
    "PDF, 500 pages": lambda: pdf(zlib.compress(b"0 0 m"), pages=500),
}


def measure(data: bytes) -> tuple[str, float, float]:
    """Return the outcome (an error's code, or "read"), seconds, and added megabytes at the peak."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    outcome = "read"
    try:
        check_size(data, ImageLimits())
        for _ in open_pages(data, ImageLimits())[1]:
            pass
    except ServiceError as error:
        outcome = error.code
    return outcome, time.perf_counter() - started, (_peak() - before) / MB


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.decompression_bombs", description=__doc__
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    as_json = parser.parse_args().json
    measure(_saved("PNG"))  # load the libraries first
    measure(pdf(zlib.compress(b"0 0 m")))
    if not as_json:
        print("| file | bytes | seconds | MB more | answer |\n|---|---|---|---|---|")
    for name, make in BOMBS.items():
        data = make()
        outcome, seconds, megabytes = measure(data)
        if as_json:
            print(json.dumps({"name": name, "outcome": outcome, "megabytes": megabytes}))
        else:
            print(f"| {name} | {len(data)} | {seconds:.2f} | {megabytes:.0f} | `{outcome}` |")


if __name__ == "__main__":
    main()
